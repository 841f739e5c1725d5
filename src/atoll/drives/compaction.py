"""Give back the room that deleted values still take in a drive's database.

The database frees the bytes of deleted values when it compacts, which nothing makes it do on a
drive that is full: without writes there is no compaction, and without room no writes. So whoever
finds the drive full says so here, and one pass is run, as large as the room that is left allows.

Tasks     `run` is the only task, owned by the drive. `want` may be called from any thread.
Pace      one pass at a time with a pause behind it; none while nothing was deleted since the last
          pass that freed nothing.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final, Protocol

from atoll.base.errors import DriveFault, RecordCorrupt
from atoll.drives.io import Work
from atoll.drives.reserve import FileSystemRoom

PAUSE_S: Final = 1.0

_LOG: Final = logging.getLogger(__name__)


class Compactable(Protocol):
    """A store that can give room back."""

    @property
    def deleted_count(self) -> int:
        """Return how many values were deleted since the store was opened."""
        ...

    def compact(self, room_bytes: int) -> None:
        """Drop what was deleted, writing at most about `room_bytes`. Blocks."""
        ...


class Compaction:
    """The compaction of one drive's database on demand."""

    def __init__(self, store: Compactable, threads: Work, room: FileSystemRoom) -> None:
        self._store = store
        self._threads = threads
        self._room = room
        self._loop = asyncio.get_running_loop()
        self._wanted = asyncio.Event()
        #: Deletes that the passes so far have dealt with.
        self._settled_count = 0

    def want(self) -> None:
        """Ask for a pass, soon."""
        if not self._wanted.is_set():
            self._loop.call_soon_threadsafe(self._wanted.set)

    async def run(self) -> None:
        """Run passes when they are wanted, until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if self._store.deleted_count > self._settled_count:
                await self._pass()
                await asyncio.sleep(PAUSE_S)

    async def _pass(self) -> None:
        deleted_count = self._store.deleted_count
        try:
            before = self._room.measure().free_bytes
            await self._threads.run(lambda: self._store.compact(before // 2))
            freed = self._room.measure().free_bytes - before
        except (DriveFault, RecordCorrupt) as exc:
            # Whoever reads or writes next meets the same and deals with it.
            _LOG.warning("the database of a full drive could not be compacted: %s", exc)
            return
        if freed <= 0:
            self._settled_count = deleted_count
