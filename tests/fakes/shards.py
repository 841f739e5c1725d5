"""Stored content in memory: the contract `objects.bytes_contract.ByteStore` without drives.

Owns      `MemoryBytes`, which knows at any moment what is stored and who owns it.
Checks    a read of bytes that are not there raises Bitrot; a free under a wrong owner fails the
          test.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from atoll.base.errors import Bitrot
from atoll.base.ids import DataId, make_data_id
from atoll.base.limits import PACKED_BYTES_MAX
from atoll.core.formats.data_ref import DataRef
from atoll.objects.bytes_contract import DigestSink
from atoll.registers.contract import Cell

_READ_BYTES = 64 * 1024


class MemoryBytes:
    """Content by data id."""

    def __init__(self) -> None:
        self.contents: dict[DataId, tuple[bytes, bytes]] = {}
        self.writes = 0
        self.reads = 0
        #: Raised by the next write, behind its last chunk.
        self.failure: Exception | None = None

    async def write(
        self,
        cell: Cell,
        chunks: AsyncIterator[bytes],
        *,
        size_hint: int | None,
        digests: DigestSink | None,
    ) -> DataRef:
        """Store a stream."""
        gathered = []
        async for chunk in chunks:
            assert isinstance(chunk, bytes)
            if digests is not None:
                digests.update(chunk)
            gathered.append(chunk)
        content = b"".join(gathered)
        assert size_hint is None or size_hint == len(content)
        return self._keep(cell, content, packed=False)

    async def write_whole(self, cell: Cell, content: bytes) -> DataRef:
        """Store small content."""
        assert 0 < len(content) <= PACKED_BYTES_MAX
        return self._keep(cell, content, packed=True)

    def _keep(self, cell: Cell, content: bytes, *, packed: bool) -> DataRef:
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        self.writes += 1
        data_id = make_data_id(self.writes, self.writes)
        self.contents[data_id] = (cell.key, content)
        return DataRef(data_id, 0, cell.key, 2, 2, 1 << 20, len(content), packed)

    async def read(self, ref: DataRef, first: int, last: int) -> AsyncIterator[bytes | memoryview]:
        """Iterate over a range."""
        assert 0 <= first <= last < ref.size_bytes
        self.reads += 1
        at = first
        while at <= last:
            found = self.contents.get(ref.data_id)
            if found is None:
                raise Bitrot("The content is not there.", data_id=ref.data_id.hex())
            assert found[0] == ref.key, "read under another owner than written"
            end = min(at + _READ_BYTES, last + 1)
            yield memoryview(found[1])[at:end]
            at = end

    async def discard(self, ref: DataRef) -> None:
        """Remove content that was never named."""
        self.free(ref.key, ref.data_id)

    def free(self, key: bytes, data_id: DataId) -> None:
        """Remove content. Absent is success."""
        found = self.contents.get(data_id)
        if found is not None:
            assert found[0] == key, "freed under another owner than written"
            del self.contents[data_id]
