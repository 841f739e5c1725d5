"""Repeat work that has an end: scans and scrubs, once in an interval.

Owns      when the next round begins. A round is a list of workers, run one after another; all are
          made anew, so each begins from the present state.
Does not  remember over restarts when the last round was: the first one begins `first_s` after the
          start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from atoll.jobs.worker import Budget, State, Status, Worker

#: Makes the workers of one round.
MakeRound = Callable[[], Sequence[Worker]]


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds: from the start to the first round, and from a round's end to the next."""

    first_s: float
    pause_s: float


class Cycle:
    """A worker that never ends, made of workers that do."""

    def __init__(self, name: str, make_round: MakeRound, interval: Interval) -> None:
        self.name = name
        self._make_round = make_round
        self._interval = interval
        self._left: list[Worker] = []
        #: The loop's time of the next round; None: not planned yet.
        self._next_s: float | None = None
        self._rounds = 0
        self._last = Status(name=name)

    async def step(self, budget: Budget) -> State:
        """Do a unit of the present worker of the present round."""
        now_s = asyncio.get_running_loop().time()
        if self._next_s is None:
            self._next_s = now_s + self._interval.first_s
        if not self._left:
            if now_s < self._next_s:
                return State.IDLE
            self._left = list(self._make_round())
            self._last = Status(name=self.name)
        if self._left:
            state = await self._left[0].step(budget)
            if state is not State.DONE:
                return State.BUSY
            self._last = self._add(self._left[0].status())
            del self._left[0]
        if self._left:
            return State.BUSY
        self._rounds += 1
        self._next_s = asyncio.get_running_loop().time() + self._interval.pause_s
        return State.IDLE

    async def wait(self) -> None:
        """Return when the next round is due."""
        if self._next_s is not None:
            delay_s = self._next_s - asyncio.get_running_loop().time()
            await asyncio.sleep(max(0.0, delay_s))

    def _add(self, part: Status) -> Status:
        last = self._last
        return Status(
            name=self.name,
            done=last.done + part.done,
            total=last.total + part.total,
            done_bytes=last.done_bytes + part.done_bytes,
            damaged=last.damaged + part.damaged,
            repaired=last.repaired + part.repaired,
            failed=last.failed + part.failed,
            message=part.message or last.message,
        )

    @property
    def rounds(self) -> int:
        """Return the number of rounds that came to their end."""
        return self._rounds

    def status(self) -> Status:
        """Return the sums of the present round, or of the last one."""
        return self._add(self._left[0].status()) if self._left else self._last
