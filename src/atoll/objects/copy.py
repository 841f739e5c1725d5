"""Copy a version, or a range of one, within the cluster: its bytes never leave it.

Owns      what a copy takes from its source, and conditions of the source.
Does not  share bytes between versions: a data id has one owner, so a copy writes its own.
Digests   a source of one part keeps its ETag and checksum unless another algorithm is asked for; a
          multipart source is digested anew, because its ETag and composite checksum speak of parts.
Source    AWS CopyObject, UploadPartCopy.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from atoll.base.errors import InvalidRange, NotModified, PreconditionFailed
from atoll.base.limits import PUT_BYTES_MAX
from atoll.base.names import BucketName, ObjectKey, UploadId
from atoll.base.streams import PromisedDigests
from atoll.objects.content import Content, Limits, check_size, receive
from atoll.objects.contract import REDIRECT_HEADER, CopyRequest
from atoll.objects.digests import DEFAULT_ALGORITHM
from atoll.objects.foundation import Foundation
from atoll.objects.keys import object_cell
from atoll.objects.multipart.parts import PartStore
from atoll.objects.put import ObjectPutter
from atoll.objects.read import ObjectReader, OpenedObject
from atoll.objects.values import (
    Attributes,
    ByteRange,
    CopySource,
    ObjectVersion,
    Part,
    RangeSpec,
)
from atoll.registers.contract import Cell


class _SourceBody:
    """A range of an open object as a Body."""

    def __init__(
        self, source: OpenedObject, wanted: ByteRange | None, algorithms: tuple[str, ...]
    ) -> None:
        size_bytes = source.version.size_bytes if wanted is None else wanted.size_bytes
        self._source = source
        self._wanted = wanted
        self.size_bytes: int | None = size_bytes
        self.whole: bytes | None = None
        self.algorithms = algorithms
        if source.inline is not None:
            first = 0 if wanted is None else wanted.first
            self.whole = source.inline[first : first + size_bytes]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the content; each chunk is a copy, for the views of a read do not last."""
        if self.whole is not None:
            yield self.whole
            return
        async for chunk in self._source.stream(self._wanted):
            yield bytes(chunk)

    def promised(self) -> PromisedDigests:
        """Return no promises: the bytes were verified as they were read."""
        return PromisedDigests()


def resolve_range(spec: RangeSpec | None, size_bytes: int) -> ByteRange | None:
    """Return the bytes a part copy asks for; None: all. Raises InvalidRange."""
    if spec is None:
        return None
    if spec.suffix is not None:
        first, last = max(size_bytes - spec.suffix, 0), size_bytes - 1
    else:
        first = spec.first or 0
        last = size_bytes - 1 if spec.last is None else spec.last
    if first > last or last >= size_bytes:
        raise InvalidRange(first=first, last=last, size_bytes=size_bytes)
    return ByteRange(first, last)


class ObjectCopier:
    """Copies versions and ranges of them."""

    def __init__(
        self,
        foundation: Foundation,
        reader: ObjectReader,
        putter: ObjectPutter,
        parts: PartStore,
    ) -> None:
        self._store = foundation.store
        self._buckets = foundation.buckets
        self._reader = reader
        self._putter = putter
        self._parts = parts
        self._limits = Limits(
            inline_bytes_max=foundation.inline_bytes_max, size_bytes_max=PUT_BYTES_MAX
        )

    @asynccontextmanager
    async def _opened(self, source: CopySource) -> AsyncIterator[OpenedObject]:
        try:
            opened = await self._reader.open(
                source.bucket, source.key, source.version_id, source.conditions
            )
        except NotModified as known:
            # A copy has no 304: a source condition that does not hold is a failed precondition.
            raise PreconditionFailed(
                "The condition of the copy source does not hold.", condition="If-None-Match"
            ) from known
        try:
            yield opened
        finally:
            await opened.close()

    async def copy(self, request: CopyRequest) -> ObjectVersion:
        """Copy a version into a key."""
        bucket = await self._buckets.get(request.bucket)
        cell = object_cell(bucket.incarnation, request.key)
        async with self._opened(request.source) as source:
            version = source.version
            content = await self._copy_content(cell, source, request.checksum_algorithm)
            etag = "" if version.parts_count else version.etag
            return await self._putter.commit(
                bucket,
                request.key,
                content,
                _plan_attributes(request, version.attributes),
                request.conditions,
                etag=etag,
            )

    async def _copy_content(self, cell: Cell, source: OpenedObject, algorithm: str) -> Content:
        version = source.version
        present = version.checksum
        wanted = algorithm or (DEFAULT_ALGORITHM if present is None else present.algorithm)
        has_wanted = present is not None and present.algorithm == wanted and not present.composite
        body = _SourceBody(source, None, (wanted,))
        check_size(body, PUT_BYTES_MAX)
        if version.parts_count or not has_wanted:
            return await receive(self._store, cell, body, body.algorithms, self._limits)
        if body.whole is not None:
            return Content(len(body.whole), b"", body.whole, None, present)
        ref = await self._store.write(cell, aiter(body), size_hint=version.size_bytes, digests=None)
        return Content(ref.size_bytes, b"", None, ref, present)

    async def copy_part(
        self,
        bucket: BucketName,
        key: ObjectKey,
        upload_id: UploadId,
        number: int,
        source: CopySource,
    ) -> Part:
        """Store one part from a range of an object."""
        async with self._opened(source) as opened:
            wanted = resolve_range(source.byte_range, opened.version.size_bytes)
            body = _SourceBody(opened, wanted, ())
            return await self._parts.copy_part(bucket, key, upload_id, number, body)


def _plan_attributes(request: CopyRequest, source: Attributes) -> Attributes:
    """Return the attributes of a copy."""
    tags = source.tags if request.tags is None else request.tags
    if request.attributes is not None:
        return msgspec.structs.replace(request.attributes, tags=tags)
    headers = dict(source.headers)
    headers.pop(REDIRECT_HEADER, None)
    if request.redirect is not None:
        headers[REDIRECT_HEADER] = request.redirect
    return Attributes(headers=headers, metadata=source.metadata, tags=tags)
