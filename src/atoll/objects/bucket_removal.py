"""Delete a bucket: seal it, prove it empty, remove it.

Owns      the protocol of deletion and the clearing of what is not a version: uploads, parts, heads
          that hold only tokens.
Steps     1 bucket → `deleting(e)`; 2 its three prefixes are sealed at e; 3 uploads are ended; 4 a
          scan finds no live key; 5 bucket → tombstone. A version found: back to `live(e + 1)`.
Invariant step 5 succeeds only on `deleting(e)`: a write that met the seal took the bucket back to
          live and step 1 begins again.
Crash     in between: the bucket stays `deleting` and still exists; the next write or the next
          delete settles it.
Source    docs/design/objects.md
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

from atoll.base.errors import BucketNotEmpty, BucketNotFound, Contended, Unavailable
from atoll.base.names import BucketName
from atoll.core.formats.bucket_record import BucketRecord, decode_bucket
from atoll.core.formats.object_record import decode_head
from atoll.core.quorum.messages import Detail, Row, Value
from atoll.objects.buckets import with_state
from atoll.objects.foundation import Foundation
from atoll.objects.keys import bucket_cell, prefix_end, seal_prefixes
from atoll.objects.multipart.expiry import UploadExpirer
from atoll.registers.contract import Change, ScanRange

_ATTEMPTS_MAX: Final = 8
_ROWS: Final = 16


class BucketRemover:
    """Deletes buckets."""

    def __init__(self, foundation: Foundation, expirer: UploadExpirer) -> None:
        self._registers = foundation.registers
        self._buckets = foundation.buckets
        self._expirer = expirer

    async def delete(self, name: BucketName) -> None:
        """Remove a bucket. Raises BucketNotFound, BucketNotEmpty."""
        bucket = await self._buckets.read(name)
        if await self._has_versions(bucket.incarnation):
            # Said without a seal: a refused delete must not disturb writers.
            raise BucketNotEmpty(bucket=name)
        for _ in range(_ATTEMPTS_MAX):
            record = await self._buckets.edit(name, _begin)
            if record.incarnation != bucket.incarnation:
                raise BucketNotFound(bucket=name)
            await self._seal(name, record)
            if not await self._has_versions(record.incarnation):
                await self._expirer.end_incarnation(record.incarnation)
            is_empty = await self._drop_hollow_heads(record.incarnation)
            if await self._has_versions(record.incarnation):
                await self._give_up(name, record)
                raise BucketNotEmpty(bucket=name)
            if is_empty and await self._remove(name, record):
                await self._buckets.lease_wait()
                return
        raise Contended("Writes kept reviving the bucket.", bucket=name)

    async def _seal(self, name: BucketName, record: BucketRecord) -> None:
        try:
            for prefix in seal_prefixes(record.incarnation):
                await self._registers.seal(prefix, record.seal_epoch)
        except Unavailable:
            with suppress(Unavailable):
                await self._give_up(name, record)
            raise

    async def _has_versions(self, incarnation: bytes) -> bool:
        async for row in self._heads(incarnation):
            if decode_head(row.body).versions:
                return True
        return False

    async def _heads(self, incarnation: bytes) -> AsyncIterator[Row]:
        prefix = seal_prefixes(incarnation)[0]
        start: bytes | None = prefix
        end = prefix_end(prefix)
        while start is not None and start < end:
            page = await self._registers.scan(
                ScanRange(start=start, end=end, limit=_ROWS, detail=Detail.HEAD)
            )
            for row in page.rows:
                yield row
            start = page.next_start

    async def _drop_hollow_heads(self, incarnation: bytes) -> bool:
        """Remove heads that hold only tokens of ended uploads; return whether none is left.

        A head that stays is a live key, which no seal keeps from getting a version: the bucket may
        be removed only when a scan that came behind the last removal saw no row at all.
        """
        hollow = [row async for row in self._heads(incarnation)]
        for row in hollow:
            for pending in decode_head(row.body).pending:
                await self._expirer.drop_stale_tokens(row.key, pending.upload_id)
        return not hollow

    async def _remove(self, name: BucketName, record: BucketRecord) -> bool:
        """Take step 5; False: the bucket is not in the state it was sealed in."""
        is_removed = False

        def decide(value: Value | None) -> Change | None:
            nonlocal is_removed
            if value is None:
                # Another delete came first.
                is_removed = True
                return None
            present = decode_bucket(value.head)
            if present.incarnation != record.incarnation:
                raise BucketNotFound(bucket=name)
            is_removed = present.deleting and present.seal_epoch == record.seal_epoch
            return Change(False) if is_removed else None

        try:
            await self._registers.write(bucket_cell(name), decide)
        finally:
            self._buckets.forget(name)
        return is_removed

    async def _give_up(self, name: BucketName, record: BucketRecord) -> None:
        def edit(present: BucketRecord) -> BucketRecord:
            is_ours = present.incarnation == record.incarnation
            if not is_ours or not present.deleting or present.seal_epoch != record.seal_epoch:
                return present
            return with_state(present, deleting=False, seal_epoch=present.seal_epoch + 1)

        left = await self._buckets.edit(name, edit)
        if left.incarnation == record.incarnation and left.seal_epoch > record.seal_epoch:
            await self._buckets.lift_seals(left)


def _begin(present: BucketRecord) -> BucketRecord:
    if present.deleting:
        return present
    return with_state(present, deleting=True, seal_epoch=present.seal_epoch)
