"""Heal what somebody stumbled over: a bounded queue of keys, worked off one by one.

Hints     are accelerators: a hint that is lost (full queue, restart) is found again by a sweep or scrub.
Once      a key is in the queue at most once; a key that fails goes to the end, at most `ATTEMPTS_MAX` times.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from atoll.base.errors import Unavailable
from atoll.core.placement.cluster_map import ClusterMap
from atoll.jobs.heal.healer import Healer
from atoll.jobs.worker import Budget, State, Status

HINTS_MAX: Final = 100_000
ATTEMPTS_MAX: Final = 20


class HintWorker:
    """The hint queue and its worker."""

    name = "heal hints"

    def __init__(self, healer: Healer, current_map: Callable[[], ClusterMap]) -> None:
        self._healer = healer
        self._current_map = current_map
        self._queue: dict[tuple[int, bytes], int] = {}
        self._wake = asyncio.Event()
        self._done = self._damaged = self._repaired = self._failed = self._dropped = 0
        self._done_bytes = 0
        self._message = ""

    def add(self, set_index: int, key: bytes) -> None:
        """Queue a key. Called from anywhere on the loop; never blocks."""
        where = (set_index, key)
        if where in self._queue:
            return
        if len(self._queue) >= HINTS_MAX:
            self._dropped += 1
            return
        self._queue[where] = 0
        self._wake.set()

    async def step(self, budget: Budget) -> State:
        """Heal some queued keys."""
        for _ in range(min(budget.rows, len(self._queue))):
            where = next(iter(self._queue))
            attempts = self._queue.pop(where)
            try:
                await self._heal(where)
            except Unavailable as exc:
                self._message = str(exc)
                if attempts + 1 < ATTEMPTS_MAX:
                    self._queue[where] = attempts + 1
                else:
                    self._failed += 1
                raise
            except asyncio.CancelledError:
                self._queue[where] = attempts
                raise
        return State.BUSY if self._queue else State.IDLE

    async def _heal(self, where: tuple[int, bytes]) -> None:
        on = next(one for one in self._current_map().sets if one.index == where[0])
        done = await self._healer.heal(on, where[1], verify=True)
        self._done += 1
        self._damaged += done.damaged
        self._repaired += done.repaired
        self._done_bytes += done.size_bytes
        if done.failed:
            self._failed += 1
            self._message = done.failed

    async def wait(self) -> None:
        """Return when a key is queued."""
        self._wake.clear()
        if not self._queue:
            await self._wake.wait()

    def status(self) -> Status:
        """Return progress since the start."""
        return Status(
            name=self.name,
            queued=len(self._queue),
            done=self._done,
            done_bytes=self._done_bytes,
            damaged=self._damaged,
            repaired=self._repaired,
            failed=self._failed + self._dropped,
            message=self._message,
        )
