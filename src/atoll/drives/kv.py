"""A small ordered key-value contract under the register acceptor.

Two implementations: RocksDB (`rocks.py`) and memory with a crash model (`memory_kv.py`), so that
the simulation runs the acceptor that production runs.

Tables    a store has named tables; keys and values are bytes; order is byte order.
Commit    one commit is atomic and in order: after a crash the store holds a prefix of the commits,
          at least all synced ones.
Reads     see a commit as soon as it is durable (sync) or made (no sync), never before: nobody is
          shown what a crash can take back.
Errors    DriveIo, DriveFull; RecordCorrupt where the store's own checksums fail. Corrupt is never
          absent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Sequence
from enum import IntEnum
from typing import Protocol

import msgspec


class Table(IntEnum):
    """Tables of a drive's store."""

    #: Register records without inline bytes.
    HEADS = 0
    #: Inline bytes of register values.
    INLINE = 1
    #: Packed shards.
    SHARDS = 2
    #: Floor, horizon, seals, watermarks, counters.
    FACTS = 3


class Put(msgspec.Struct, frozen=True, array_like=True):
    """Set a key; `value` None removes it."""

    table: Table
    key: bytes
    value: bytes | None


class OrderedKv(Protocol):
    """The store."""

    def get(self, table: Table, key: bytes) -> bytes | None:
        """Return a value, or None when the key is absent."""
        ...

    def iterate(self, table: Table, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Walk [start, end) in order, over a consistent view.

        Checks the store's status at the end.
        """
        ...

    def seekable(self, table: Table, end: bytes) -> Cursor:
        """Return a cursor over [·, end) for scans that skip."""
        ...

    def commit(self, puts: Sequence[Put], *, sync: bool) -> Awaitable[None]:
        """Apply puts atomically; with `sync` they are on stable storage when the answer arrives."""
        ...

    async def close(self) -> None:
        """Flush and close."""
        ...


class Cursor(Protocol):
    """A position in a table, over one consistent view."""

    def seek(self, key: bytes) -> None:
        """Go to the first key ≥ `key`."""
        ...

    def item(self) -> tuple[bytes, bytes] | None:
        """Return the present key and value; None behind the end.

        Raises DriveIo if the store failed.
        """
        ...

    def advance(self) -> None:
        """Go to the next key."""
        ...
