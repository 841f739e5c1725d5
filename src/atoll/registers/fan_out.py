"""Ask several drives, fold the votes, stop waiting as soon as the result is decided.

The one fan-out helper. A round starts `first` calls at once; the others start when one of them
fails or says no, or when `hedge_s` passed. Calls that are still under way when the round is
decided go on; their answers reach `on_complete` when the last one is in, so that nothing is lost
for heal and no exception goes unseen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

from atoll.base.errors import DriveFault, DriveSlow, StoreError
from atoll.base.reply import Reply
from atoll.core.quorum.fold import Outcome, fold

T = TypeVar("T")

#: A call under way.
Answering = asyncio.Future[T] | Reply[T]

#: Starts one call.
Start = Callable[[], Awaitable[T]]


class Round(Generic[T]):
    """One question to several drives.

    `oks`, `noes` and `faults` pair the index of a call with its answer.
    """

    __slots__ = (
        "_is_ok",
        "_left",
        "_loop",
        "_started",
        "_starts",
        "_waiter",
        "faults",
        "needed",
        "noes",
        "oks",
        "on_complete",
    )

    def __init__(
        self,
        starts: Sequence[Start[T]],
        *,
        needed: int,
        is_ok: Callable[[T], bool],
        on_complete: Callable[[Round[T]], None] | None = None,
    ) -> None:
        self._starts = starts
        self._is_ok = is_ok
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._started = 0
        self._left = 0
        self.needed = needed
        self.oks: list[tuple[int, T]] = []
        self.noes: list[tuple[int, T]] = []
        self.faults: list[tuple[int, StoreError]] = []
        self.on_complete = on_complete

    @property
    def outcome(self) -> Outcome:
        """Return what the votes so far have come to."""
        failed = len(self.noes) + len(self.faults)
        return fold(self.needed, len(self._starts), len(self.oks), failed)

    async def run(self, *, first: int, deadline_s: float, hedge_s: float | None = None) -> Outcome:
        """Start the calls and wait for a decision, at most `deadline_s` seconds."""
        self._start(first)
        outcome = self.outcome
        if outcome is not Outcome.PENDING:
            return outcome
        end = self._loop.time() + deadline_s
        while (outcome := self.outcome) is Outcome.PENDING:
            if self._left == 0:
                if self._started == len(self._starts):
                    # A call broke with what is no answer; its callback has raised that.
                    return Outcome.LOST
                self._start(len(self._starts))
                continue
            wait_s = end - self._loop.time()
            if wait_s <= 0:
                return Outcome.LOST
            hedging = hedge_s is not None and self._started < len(self._starts)
            await self._wait(min(wait_s, hedge_s) if hedging and hedge_s else wait_s)
            if hedging or self.noes or self.faults:
                self._start(len(self._starts))
        return outcome

    async def run_all(self, *, deadline_s: float, patience_s: float) -> None:
        """Start all calls and wait for every answer, whatever the fold says of the first ones.

        Waits at most `deadline_s` seconds, and `patience_s` behind the answer that made the
        needed number.
        """
        self._start(len(self._starts))
        end = self._loop.time() + deadline_s
        was_reached = False
        while self._left:
            if not was_reached and len(self.oks) >= self.needed:
                was_reached = True
                end = min(end, self._loop.time() + patience_s)
            wait_s = end - self._loop.time()
            if wait_s <= 0:
                return
            await self._wait(wait_s)

    async def _wait(self, wait_s: float) -> None:
        self._waiter = self._loop.create_future()
        timer = self._loop.call_later(wait_s, self._wake)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _start(self, upto: int) -> None:
        starts = self._starts
        while self._started < min(upto, len(starts)):
            index = self._started
            self._started += 1
            self._left += 1
            try:
                call = starts[index]()
            except DriveFault as exc:
                self._left -= 1
                self.faults.append((index, exc))
                upto += 1
                continue
            if not isinstance(call, Reply):
                call = asyncio.ensure_future(call)  # noqa: TID251 (owned by this round, always read)
            if call.done():
                self._take(index, call)
            else:
                call.add_done_callback(partial(self._arrived, index))

    def _arrived(self, index: int, future: Answering[T]) -> None:
        self._take(index, future)
        if self._waiter is not None and (
            len(self.oks) >= self.needed or self.noes or self.faults or not self._left
        ):
            self._wake()

    def _take(self, index: int, future: Answering[T]) -> None:
        self._left -= 1
        if future.cancelled():
            self.faults.append((index, DriveSlow("The call was given up.")))
        elif (exc := future.exception()) is not None:
            if not isinstance(exc, StoreError):
                raise exc
            self.faults.append((index, exc))
        else:
            answer = future.result()
            (self.oks if self._is_ok(answer) else self.noes).append((index, answer))
        if self._left == 0 and self._started == len(self._starts) and self.on_complete is not None:
            self.on_complete(self)

    def causes(self) -> list[str]:
        """Return why drives failed, for people."""
        return [str(exc) for _, exc in self.faults] + [repr(answer) for _, answer in self.noes]
