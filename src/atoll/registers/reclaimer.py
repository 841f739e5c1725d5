"""Tell drives to free data that a chosen value no longer names.

Owns      the queue between "value c is chosen" and `free(key, data id, c)`; the only sender of
          frees.
Grace     ids that the replaced chosen value named wait for readers; ids that only some unchosen
          record named wait longer than any writer keeps trying, because its retry may name them
          again.
Lost      the queue is memory: what a crash forgets, the orphan scan finds.
Tasks     `run`, owned by the node.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import Awaitable
from functools import partial
from typing import Final

from atoll.base.ids import Ballot, DataId, DriveId
from atoll.core.quorum.messages import Free
from atoll.registers.fan_out import Round
from atoll.registers.members import Members, Spot
from atoll.registers.proposer import Proposer

#: Entries beyond this are left to the orphan scan.
QUEUE_MAX: Final = 200_000


class Reclaimer:
    """Frees replaced data after a grace."""

    def __init__(self, proposer: Proposer) -> None:
        self._proposer = proposer
        self._heap: list[tuple[float, int, Spot, Ballot, DataId]] = []
        self._number = 0
        self._pins: Counter[DataId] = Counter()
        #: Ids in `_heap`, with how often they are.
        self._queued: Counter[DataId] = Counter()
        self._wake = asyncio.Event()
        self.freed_count = 0
        self.dropped_count = 0

    @property
    def depth(self) -> int:
        """Return the number of data ids that wait."""
        return len(self._heap)

    def pin(self, data_id: DataId) -> None:
        """Keep a data id for a reader of this process. Counted."""
        self._pins[data_id] += 1

    def unpin(self, data_id: DataId) -> None:
        """Undo one `pin`."""
        self._pins[data_id] -= 1
        if self._pins[data_id] <= 0:
            del self._pins[data_id]

    def holds(self, data_id: DataId) -> bool:
        """Return whether a reader of this process may need a data id that nothing names."""
        return data_id in self._pins or data_id in self._queued

    def replaced(
        self, spot: Spot, ballot: Ballot, certain: set[DataId], doubtful: set[DataId]
    ) -> None:
        """Queue what a chosen value at `ballot` no longer names."""
        settings = self._proposer.settings
        self._queue(spot, ballot, certain, settings.reader_grace_s)
        self._queue(spot, ballot, doubtful, settings.orphan_grace_s)

    def _queue(self, spot: Spot, ballot: Ballot, ids: set[DataId], grace_s: float) -> None:
        at_s = asyncio.get_running_loop().time() + grace_s
        for data_id in ids:
            if len(self._heap) >= QUEUE_MAX:
                self.dropped_count += 1
                continue
            self._number += 1
            self._queued[data_id] += 1
            heapq.heappush(self._heap, (at_s, self._number, spot, ballot, data_id))
        if ids:
            self._wake.set()

    async def run(self) -> None:
        """Free what is due, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            if not self._heap:
                self._wake.clear()
                await self._wake.wait()
            wait_s = self._heap[0][0] - loop.time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            await self.step()

    async def step(self) -> None:
        """Free one entry that is due."""
        _, _, spot, ballot, data_id = heapq.heappop(self._heap)
        self._queued[data_id] -= 1
        if not self._queued[data_id]:
            del self._queued[data_id]
        if data_id in self._pins:
            self._queue(spot, ballot, {data_id}, self._proposer.settings.reader_grace_s)
            return
        await self.free(spot, ballot, data_id)

    async def free(self, spot: Spot, ballot: Ballot, data_id: DataId) -> None:
        """Send the free to every drive of the set; a drive that misses it keeps an orphan."""
        proposer = self._proposer
        request = Free(spot.on.index, spot.key, data_id, ballot, proposer.stamp(spot.on.index))
        drives = spot.on.drives
        round_: Round[bool] = Round(
            [partial(_free, proposer.members, drive_id, request) for drive_id in drives],
            needed=len(drives),
            is_ok=bool,
        )
        await round_.run(first=len(drives), deadline_s=proposer.settings.round_s)
        self.freed_count += 1


def _free(members: Members, drive_id: DriveId, request: Free) -> Awaitable[bool]:
    return members.drive(drive_id).free(request)
