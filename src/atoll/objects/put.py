"""Store one object: bytes first, then one register write that makes the version visible.

Owns      the versions made by puts and copies, and the removal of bytes whose write was refused.
Order     digests are compared before the register is written; conditions inside its write.
Crash     before the register write: unnamed bytes, removed by the scan job. After: the version is
          there.
Invariant bytes are removed here only if no drive was ever offered a value that names them; any
          value offered may be completed by a stranger.
Cost      a body of up to 16 KiB in memory is one register write without tasks or iterators.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from atoll.base.errors import IncompleteBody
from atoll.base.limits import PUT_BYTES_MAX
from atoll.base.names import ObjectKey
from atoll.base.streams import Body
from atoll.core.formats.data_ref import DataRef, strip_owner
from atoll.core.formats.object_record import NOT_INLINE, NULL_VERSION, VersionRecord
from atoll.objects.conditions import check_write
from atoll.objects.content import Content, Limits, receive
from atoll.objects.contract import PutRequest
from atoll.objects.digests import DEFAULT_ALGORITHM, ContentDigests, checksum_of
from atoll.objects.foundation import Foundation
from atoll.objects.keys import object_cell
from atoll.objects.records import load_version, make_version_id, store_checksum
from atoll.objects.values import (
    Attributes,
    Bucket,
    Checksum,
    Conditions,
    ObjectVersion,
    Versioning,
)
from atoll.objects.versions.chain import Chain, Entry


def plain(fields: Mapping[str, str]) -> dict[str, str]:
    """Return a mapping as the dict that records hold."""
    return fields if type(fields) is dict else dict(fields)


class ObjectPutter:
    """Makes object versions."""

    def __init__(self, foundation: Foundation) -> None:
        self._store = foundation.store
        self._clock = foundation.clock
        self._entropy = foundation.entropy
        self._buckets = foundation.buckets
        self._editor = foundation.editor
        self._limits = Limits(
            inline_bytes_max=foundation.inline_bytes_max, size_bytes_max=PUT_BYTES_MAX
        )

    async def put(self, request: PutRequest, body: Body) -> ObjectVersion:
        """Store one object from a body."""
        bucket = await self._buckets.get(request.bucket)
        whole = body.whole
        if whole is None or len(whole) > self._limits.inline_bytes_max:
            cell = object_cell(bucket.incarnation, request.key)
            content = await receive(self._store, cell, body, body.algorithms, self._limits)
        else:
            content = _take_small(body, whole)
        return await self.commit(
            bucket, request.key, content, request.attributes, request.conditions
        )

    def new_version_id(self, bucket: Bucket, time_ns: int) -> str:
        """Return the id of a version that is made under a bucket's present setting."""
        if bucket.versioning is Versioning.ENABLED:
            return make_version_id(time_ns, self._entropy.random_bytes(8))
        return NULL_VERSION

    async def commit(
        self,
        bucket: Bucket,
        key: ObjectKey,
        content: Content,
        attributes: Attributes,
        conditions: Conditions,
        *,
        etag: str = "",
    ) -> ObjectVersion:
        """Make content the newest version of a key; `etag` empty: the content's MD5."""
        now_ns = self._clock.time_ns()
        inline = content.inline
        record = VersionRecord(
            self.new_version_id(bucket, now_ns),
            False,
            now_ns,
            content.size_bytes,
            etag or content.md5.hex(),
            NOT_INLINE if inline is None else len(inline),
            None if content.ref is None else strip_owner(content.ref),
            store_checksum(content.checksum),
            plain(attributes.headers),
            plain(attributes.metadata),
            plain(attributes.tags),
        )
        await self._insert(bucket, key, Entry(record, inline), conditions, content.ref)
        return load_version(key, record, is_latest=True)

    async def _insert(
        self,
        bucket: Bucket,
        key: ObjectKey,
        entry: Entry,
        conditions: Conditions,
        ref: DataRef | None,
    ) -> None:
        offered = False
        asks = conditions.if_match is not None or conditions.if_none_match is not None

        def edit(chain: Chain) -> None:
            nonlocal offered
            if asks:
                check_write(conditions, chain.current_etag())
            chain.insert(entry)
            offered = True

        cell = object_cell(bucket.incarnation, key)
        try:
            await self._editor.change(bucket, cell, edit)
        except BaseException:
            if ref is not None and not offered:
                await self._store.discard(ref)
            raise


def _take_small(body: Body, whole: bytes) -> Content:
    """Return a small body that lies in memory, verified. The twin of `receive` without awaits."""
    if body.size_bytes is not None and body.size_bytes != len(whole):
        raise IncompleteBody(expected=body.size_bytes, found=len(whole))
    promised = body.promised()
    if not body.algorithms and not promised.checksums and promised.md5 is None:
        md5 = hashlib.md5(whole, usedforsecurity=False).digest()
        added = Checksum(DEFAULT_ALGORITHM, checksum_of(DEFAULT_ALGORITHM, whole))
        return Content(len(whole), md5, whole, None, added)
    algorithms = body.algorithms or (DEFAULT_ALGORITHM,)
    digests = ContentDigests(algorithms)
    digests.update(whole)
    digests.verify(promised)
    return Content(len(whole), digests.md5(), whole, None, digests.checksum(algorithms[0]))
