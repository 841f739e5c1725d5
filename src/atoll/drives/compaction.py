"""Give back the room that a database's log and deleted values still take on a full drive.

The log of what lies in memory goes when that is flushed, and the bytes of deleted values when the
database compacts. Nothing makes it do either on a drive that is full: without writes there is no
flush, and without room no writes. So whoever finds the drive full says so here, and one pass is
run, as large as the room that is left allows.

Tasks     `run` is the only task, owned by the drive. `want` may be called from any thread.
Pace      one pass at a time with a pause behind it; none while there is little in memory and
          nothing was deleted since the last pass that freed nothing.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final, Protocol

from atoll.base.errors import DriveFault, RecordCorrupt
from atoll.base.units import MIB
from atoll.drives.io import Work
from atoll.drives.reserve import FileSystemRoom

PAUSE_S: Final = 1.0
#: Less than this in memory is not worth a flush: each table takes a MiB with its first row.
FLUSH_BYTES_MIN: Final = 6 * MIB

_LOG: Final = logging.getLogger(__name__)


class Compactable(Protocol):
    """A store that can give room back."""

    @property
    def deleted_count(self) -> int:
        """Return how many values were deleted since the store was opened."""
        ...

    def unflushed_bytes(self) -> int:
        """Return what the tables in memory will take in files."""
        ...

    def flush(self) -> None:
        """Write the tables in memory to files. Blocks."""
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
            try:
                has_worked = await self._pass()
            except (DriveFault, RecordCorrupt) as exc:
                # Whoever reads or writes next meets the same and deals with it.
                _LOG.warning("the database of a full drive could not be compacted: %s", exc)
                has_worked = True
            if has_worked:
                await asyncio.sleep(PAUSE_S)

    async def _pass(self) -> bool:
        """Flush and compact as far as it may help; False: nothing may."""
        store = self._store
        is_large = store.unflushed_bytes() >= FLUSH_BYTES_MIN
        if is_large:
            await self._threads.run(store.flush)
        deleted_count = store.deleted_count
        if deleted_count <= self._settled_count:
            return is_large
        before = self._room.measure().free_bytes
        room_bytes = max(0, before - store.unflushed_bytes()) // 2
        await self._threads.run(lambda: store.compact(room_bytes))
        if self._room.measure().free_bytes <= before:
            self._settled_count = deleted_count
        return True
