"""An ordered store in memory with a crash model, the second implementation of `OrderedKv`.

Owns      what a commit looks like in time: queued → durable (visible) after a sync that the test
          paces.
Crash     `crash()` gives what a power cut leaves: all synced commits, then any prefix of the
          unsynced ones.
Faults    `fail_next_commit` makes the next commit raise, as an EIO on sync does.
"""

from __future__ import annotations

import asyncio
import bisect
from collections.abc import Callable, Iterator, Sequence

from atoll.base.errors import DriveIo
from atoll.drives.kv import Put, Table


class MemoryKv:
    """Sorted dictionaries. `sync_delay` returns the seconds a sync takes; None: commits are done at
    once."""

    def __init__(self, sync_delay: Callable[[], float] | None = None) -> None:
        self._rows: dict[Table, dict[bytes, bytes]] = {table: {} for table in Table}
        self._order: dict[Table, list[bytes]] = {table: [] for table in Table}
        self._sync_delay = sync_delay
        #: Commits made without sync since the last synced one; a crash keeps a prefix of them.
        self._unsynced: list[Sequence[Put]] = []
        self._durable: dict[Table, dict[bytes, bytes]] = {table: {} for table in Table}
        self._last: asyncio.Future[None] | None = None
        self.fail_next_commit: bool = False
        self.commit_count = 0

    def get(self, table: Table, key: bytes) -> bytes | None:
        """Return a value, or None."""
        return self._rows[table].get(key)

    def iterate(self, table: Table, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Walk [start, end) over a view taken now."""
        order = self._order[table]
        keys = order[bisect.bisect_left(order, start) : bisect.bisect_left(order, end)]
        rows = self._rows[table]
        return iter([(key, rows[key]) for key in keys])

    def seekable(self, table: Table, end: bytes) -> MemoryCursor:
        """Return a cursor over a view taken now."""
        order = self._order[table]
        keys = order[: bisect.bisect_left(order, end)]
        return MemoryCursor(keys, dict(self._rows[table]))

    async def commit(self, puts: Sequence[Put], *, sync: bool) -> None:
        """Apply puts; with `sync` after the delay of the device, in order."""
        self.commit_count += 1
        if self.fail_next_commit:
            self.fail_next_commit = False
            raise DriveIo("The store could not be synced.", errno=5)
        if sync and self._sync_delay is not None:
            await asyncio.sleep(self._sync_delay())
        self._apply(self._rows, puts, ordered=True)
        self._unsynced.append(puts)
        if sync:
            for batch in self._unsynced:
                self._apply(self._durable, batch, ordered=False)
            self._unsynced.clear()

    def _apply(
        self, rows: dict[Table, dict[bytes, bytes]], puts: Sequence[Put], *, ordered: bool
    ) -> None:
        for put in puts:
            table = rows[put.table]
            if put.value is None:
                if put.key in table:
                    del table[put.key]
                    if ordered:
                        order = self._order[put.table]
                        del order[bisect.bisect_left(order, put.key)]
                continue
            if ordered and put.key not in table:
                bisect.insort(self._order[put.table], put.key)
            table[put.key] = put.value

    def crash(self, kept_unsynced: int = 0) -> MemoryKv:
        """Return the store a power cut leaves, with the first `kept_unsynced` unsynced commits."""
        left = MemoryKv(self._sync_delay)
        left._durable = {table: dict(rows) for table, rows in self._durable.items()}
        for batch in self._unsynced[:kept_unsynced]:
            self._apply(left._durable, batch, ordered=False)
        left._rows = {table: dict(rows) for table, rows in left._durable.items()}
        left._order = {table: sorted(rows) for table, rows in left._rows.items()}
        return left

    async def close(self) -> None:
        """Nothing to release."""


class MemoryCursor:
    """A cursor over a copy."""

    def __init__(self, keys: list[bytes], rows: dict[bytes, bytes]) -> None:
        self._keys = keys
        self._rows = rows
        self._at = 0

    def seek(self, key: bytes) -> None:
        """Go to the first key ≥ `key`."""
        self._at = bisect.bisect_left(self._keys, key)

    def item(self) -> tuple[bytes, bytes] | None:
        """Return the present row."""
        if self._at >= len(self._keys):
            return None
        key = self._keys[self._at]
        return key, self._rows[key]

    def advance(self) -> None:
        """Go on by one."""
        self._at += 1
