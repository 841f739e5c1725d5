"""Turns: writes of one process on one key go one after another.

A proposer that races with itself wastes rounds and lets readers see unsettled records; correctness
does not depend on it. Bounded: at most `waiting_max` writers wait for one key, each for at most
`wait_s`; who is one too many or waited in vain is told Contended, and has done nothing yet.
"""

from __future__ import annotations

import asyncio
from collections import deque

from atoll.base.errors import Contended


class Turns:
    """Who writes a key now, and who waits."""

    def __init__(self, wait_s: float, *, waiting_max: int = 4096) -> None:
        self._wait_s = wait_s
        self._waiting_max = waiting_max
        self._queues: dict[bytes, deque[asyncio.Future[None]] | None] = {}

    def is_taken(self, key: bytes) -> bool:
        """Return whether a write of this process is under way on `key`."""
        return key in self._queues

    def try_take(self, key: bytes) -> bool:
        """Take the turn if nobody has it."""
        if key in self._queues:
            return False
        self._queues[key] = None
        return True

    async def take(self, key: bytes) -> None:
        """Wait for the turn.

        Raises
            Contended: too many wait already, or it did not come in time.
        """
        if self.try_take(key):
            return
        queue = self._queues[key]
        if queue is None:
            queue = self._queues[key] = deque()
        if len(queue) >= self._waiting_max:
            raise Contended("Too many writers wait for this key.", key=key)
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(mine)
        try:
            async with asyncio.timeout(self._wait_s):
                await mine
        except (asyncio.CancelledError, TimeoutError) as exc:
            if mine.done() and not mine.cancelled():
                self.give(key)
            if isinstance(exc, TimeoutError):
                raise Contended("The writers before this one take too long.", key=key) from exc
            raise

    def give(self, key: bytes) -> None:
        """Hand the turn to the next writer, or end it."""
        queue = self._queues[key]
        while queue:
            following = queue.popleft()
            if not following.done():
                following.set_result(None)
                return
        del self._queues[key]
