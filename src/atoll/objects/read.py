"""Open a version for reading and stream its bytes.

Owns      finding the version asked for, conditions of reads, pins, and the mapping of byte ranges
          to inline bytes, one data reference, or the parts of a multipart object.
Invariant what an open object yields is the content of the version it was opened with: its data ids
          are pinned before anything else is awaited, and unpinned by `close`.
Cost      an inline object is one register read and no further await.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator
from itertools import accumulate

from atoll.base.errors import Damaged, InvalidPartNumber, ObjectNotFound, VersionNotFound
from atoll.base.ids import DataId
from atoll.base.names import BucketName, ObjectKey, VersionId
from atoll.core.formats.data_ref import with_owner
from atoll.core.formats.object_record import PartEntry, VersionRecord, decode_head
from atoll.core.quorum.messages import Value
from atoll.objects.bytes_contract import ByteStore
from atoll.objects.conditions import check_read
from atoll.objects.delete import marker_error
from atoll.objects.foundation import Foundation
from atoll.objects.keys import object_cell
from atoll.objects.records import load_part_size, load_version
from atoll.objects.values import ByteRange, Conditions, ObjectVersion, PartSize
from atoll.objects.versions.chain import Entry
from atoll.registers.contract import Cell, Found, RegisterStore


def find_current(value: Value) -> Entry | None:
    """Return the newest version of a register value."""
    versions = decode_head(value.head).versions
    if not versions:
        return None
    record = versions[0]
    size_bytes = record.inline_bytes
    if size_bytes < 0:
        return Entry(record)
    inline = value.inline
    return Entry(record, inline if len(inline) == size_bytes else inline[:size_bytes])


class OpenedObject:
    """A version being read. `objects.contract.OpenObject`."""

    def __init__(
        self,
        registers: RegisterStore,
        store: ByteStore,
        cell: Cell,
        version: ObjectVersion,
        entry: Entry,
    ) -> None:
        self.version = version
        self.inline: bytes | None = entry.inline
        self._registers = registers
        self._store = store
        self._cell = cell
        self._record: VersionRecord = entry.record
        self._parts: tuple[PartEntry, ...] = entry.record.parts
        self._ends: list[int] = []
        self._pinned: list[DataId] = []
        if not version.size_bytes and self.inline is None:
            self.inline = b""

    def pin_direct(self) -> None:
        """Pin what the version's record names."""
        record = self._record
        for ref in (record.data, record.manifest):
            if ref is not None:
                self._pin(ref.data_id)
        self.set_parts(record.parts)

    def set_parts(self, parts: tuple[PartEntry, ...]) -> None:
        """Take the parts of a multipart object, and pin them."""
        self._parts = parts
        self._ends = list(accumulate(part.size_bytes for part in parts))
        for part in parts:
            if part.ref is not None:
                self._pin(part.ref.data_id)

    def _pin(self, data_id: DataId) -> None:
        self._registers.pin(data_id)
        self._pinned.append(data_id)

    async def stream(self, wanted: ByteRange | None = None) -> AsyncIterator[bytes | memoryview]:
        """Iterate over the content, or a range of it."""
        if wanted is None:
            wanted = ByteRange(0, self.version.size_bytes - 1)
        if wanted.first > wanted.last:
            return
        if self.inline is not None:
            yield memoryview(self.inline)[wanted.first : wanted.last + 1]
            return
        data = self._record.data
        if data is not None:
            ref = with_owner(data, self._cell.key)
            async for chunk in self._store.read(ref, wanted.first, wanted.last):
                yield chunk
            return
        async for chunk in self._stream_parts(wanted):
            yield chunk

    async def _stream_parts(self, wanted: ByteRange) -> AsyncIterator[bytes | memoryview]:
        index = bisect_right(self._ends, wanted.first)
        while index < len(self._parts):
            part = self._parts[index]
            start = self._ends[index] - part.size_bytes
            if start > wanted.last:
                return
            if part.ref is not None:
                first = max(wanted.first - start, 0)
                last = min(wanted.last - start, part.size_bytes - 1)
                ref = with_owner(part.ref, self._cell.key)
                async for chunk in self._store.read(ref, first, last):
                    yield chunk
            index += 1

    def part_range(self, number: int) -> ByteRange:
        """Return the bytes of a part. Raises InvalidPartNumber."""
        if not self._parts:
            if number != 1:
                raise InvalidPartNumber(number=number, parts_count=1)
            return ByteRange(0, self.version.size_bytes - 1)
        index = bisect_left(self._parts, number, key=lambda part: part.number)
        if index == len(self._parts) or self._parts[index].number != number:
            raise InvalidPartNumber(number=number, parts_count=len(self._parts))
        end = self._ends[index]
        return ByteRange(end - self._parts[index].size_bytes, end - 1)

    async def parts(self, after: int, limit: int) -> tuple[list[PartSize], bool]:
        """Return parts behind number `after`, and whether more follow."""
        start = bisect_right(self._parts, after, key=lambda part: part.number)
        shown = self._parts[start : start + limit]
        algorithm = self._record.part_algorithm
        sizes = [load_part_size(part, algorithm) for part in shown]
        return sizes, start + limit < len(self._parts)

    async def close(self) -> None:
        """Unpin the bytes. May be called twice."""
        pinned, self._pinned = self._pinned, []
        for data_id in pinned:
            self._registers.unpin(data_id)


class ObjectReader:
    """Opens versions."""

    def __init__(self, foundation: Foundation) -> None:
        self._registers = foundation.registers
        self._store = foundation.store
        self._buckets = foundation.buckets
        self._pages = foundation.pages

    async def open(
        self,
        bucket: BucketName,
        key: ObjectKey,
        version_id: VersionId | None = None,
        conditions: Conditions = Conditions(),  # noqa: B008 (frozen value)
    ) -> OpenedObject:
        """Open a version for reading."""
        home = await self._buckets.get(bucket)
        cell = object_cell(home.incarnation, key)
        found = await self._registers.read(cell)
        current = None if found is None else find_current(found.value)
        entry = current
        if version_id is not None and found is not None:
            is_current = current is not None and current.record.version_id == version_id
            if not is_current:
                entry = await self._locate(cell, found, version_id)
        if entry is None:
            if version_id is not None:
                raise VersionNotFound(key=key, version_id=version_id)
            raise ObjectNotFound(key=key)
        record = entry.record
        if record.is_delete_marker:
            raise marker_error(record, is_current=version_id is None)
        check_read(conditions, record)
        version = load_version(key, record, is_latest=entry is current)
        opened = OpenedObject(self._registers, self._store, cell, version, entry)
        if entry.inline is None:
            await self._hold(opened, cell, record)
        return opened

    async def _locate(self, cell: Cell, found: Found, version_id: str) -> Entry | None:
        while True:
            try:
                return await self._pages.locate(cell, found.value, version_id)
            except Damaged:
                # A page may be freed while it is looked for, if a writer replaced it.
                again = await self._registers.read(cell)
                if again is None:
                    return None
                if again.value.write_id == found.value.write_id:
                    raise
                found = again

    async def _hold(self, opened: OpenedObject, cell: Cell, record: VersionRecord) -> None:
        opened.pin_direct()
        if record.manifest is None:
            return
        try:
            opened.set_parts(await self._pages.manifest(cell, record.manifest))
        except BaseException:
            await opened.close()
            raise
