"""An ordered store in memory with a crash model, the second implementation of `OrderedKv`.

Owns      what a commit looks like in time: begun → durable (visible) after a sync that the test
          paces. Commits end in the order they began.
Crash     `crash()` gives what a power cut leaves: all synced commits, then any prefix of the
          others, those whose sync is under way or failed included.
Steps     `on_step` is told when a commit is begun, and when it is durable but nobody knows yet: the
          places where a power cut makes a difference.
Faults    `fail_next_commit` makes the next commit raise, as an EIO on sync does; `next_fault` is
          raised instead when it is set.
"""

from __future__ import annotations

import asyncio
import bisect
from collections.abc import Callable, Iterator, Sequence

import msgspec

from atoll.base.errors import DriveFull, DriveIo, StoreError
from atoll.drives.kv import Put, Table


class _Commit(msgspec.Struct, eq=False):
    """A commit that a power cut may still take back."""

    puts: Sequence[Put]
    is_visible: bool = False


class MemoryKv:
    """Sorted dictionaries. `sync_delay` returns the seconds a sync takes; None: commits are done at
    once."""

    def __init__(self, sync_delay: Callable[[], float] | None = None) -> None:
        self._rows: dict[Table, dict[bytes, bytes]] = {table: {} for table in Table}
        self._order: dict[Table, list[bytes]] = {table: [] for table in Table}
        self.sync_delay = sync_delay
        #: Commits that are not synced, oldest first; a crash keeps a prefix of them.
        self._unsynced: list[_Commit] = []
        self._durable: dict[Table, dict[bytes, bytes]] = {table: {} for table in Table}
        self._busy_until_s = 0.0
        self.fail_next_commit: bool = False
        self.next_fault: StoreError | None = None
        self.on_step: Callable[[], None] = lambda: None
        self.commit_count = 0

    @property
    def unsynced_count(self) -> int:
        """Return how many commits a power cut may take back."""
        return len(self._unsynced)

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

    def commit(self, puts: Sequence[Put], *, sync: bool) -> asyncio.Future[None]:
        """Apply puts; with `sync` after the delay of the device, in order."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self.commit_count += 1
        commit = _Commit(puts)
        self._unsynced.append(commit)
        self.on_step()
        fault = self.next_fault
        if fault is not None or self.fail_next_commit:
            self.fail_next_commit, self.next_fault = False, None
            if isinstance(fault, DriveFull):
                # Want of room takes nothing; after any other fault nobody knows.
                self._unsynced.remove(commit)
            done.set_exception(fault or DriveIo("The store could not be synced.", errno=5))
            return done
        delay_s = self.sync_delay() if sync and self.sync_delay is not None else 0.0
        self._busy_until_s = max(self._busy_until_s, loop.time() + delay_s)
        if self._busy_until_s > loop.time():
            loop.call_at(self._busy_until_s, self._end, commit, sync, done)
        else:
            self._end(commit, sync, done)
        return done

    def _end(self, commit: _Commit, sync: bool, done: asyncio.Future[None]) -> None:
        self._show(commit)
        if sync and commit in self._unsynced:
            while self._unsynced:
                synced = self._unsynced.pop(0)
                self._show(synced)
                self._apply(self._durable, synced.puts, ordered=False)
                if synced is commit:
                    break
            self.on_step()
        if not done.done():
            done.set_result(None)

    def _show(self, commit: _Commit) -> None:
        if not commit.is_visible:
            commit.is_visible = True
            self._apply(self._rows, commit.puts, ordered=True)

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
        left = MemoryKv(self.sync_delay)
        left._durable = {table: dict(rows) for table, rows in self._durable.items()}
        for commit in self._unsynced[:kept_unsynced]:
            self._apply(left._durable, commit.puts, ordered=False)
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
