"""What the object layer asks of the bytes behind it: content, stored before a register names it.

Owns      the contract between objects and their stripes.
Does not  name anything: bytes that no register names are orphans, removed by `discard` or by the
          scan job.
Order     `write` and `write_whole` return when the content is durable on at least Q2 drives of the
          cell's set.
Errors    Unavailable (too few drives), Bitrot (reads only); what the chunk iterator or the digests
          raise passes through.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from atoll.core.formats.data_ref import DataRef as DataRef
from atoll.registers.contract import Cell


class DigestSink(Protocol):
    """Takes the content chunk by chunk.

    The writer calls `update` off the event loop, in order, never concurrently.
    """

    def update(self, chunk: bytes | memoryview) -> None:
        """Add a chunk to every digest."""
        ...


class ByteStore(Protocol):
    """Erasure-coded bytes."""

    async def write(
        self,
        cell: Cell,
        chunks: AsyncIterator[bytes],
        *,
        size_hint: int | None,
        digests: DigestSink | None,
    ) -> DataRef:
        """Store a stream under the owner `cell.key`, in the set of `cell.place`.

        All chunks have passed through `digests.update` when it returns. On an error or cancellation
        everything written is removed (or left as an orphan where a drive does not answer), and the
        error passes through.
        """
        ...

    def read(self, ref: DataRef, first: int, last: int) -> AsyncIterator[bytes | memoryview]:
        """Iterate over bytes [first, last] of the content, inclusive, 0 ≤ first ≤ last < size.

        Each block is verified before it is yielded; damaged or missing shards are reconstructed
        and queued for heal. A yielded view is valid until the next one is asked for.
        """
        ...

    async def write_whole(self, cell: Cell, content: bytes) -> DataRef:
        """Store small content (1 byte to PACKED_BYTES_MAX), packed."""
        ...

    async def discard(self, ref: DataRef) -> None:
        """Remove bytes that no register ever named and none will. Best effort: raises nothing."""
        ...
