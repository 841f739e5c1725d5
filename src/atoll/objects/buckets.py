"""Buckets: names that point to incarnations, and the settings every request needs.

Owns      bucket registers `n/<name>`, their cache, and the retry of writes that met a seal.
Does not  empty a bucket: `bucket_removal.py` does.
Lease     a cached record is used for `lease_s` from the moment its read began. A change is
          acknowledged after `lease_wait`, which returns when no node can still use an older record.
Seals     a write that finds its bucket `deleting` puts it back to live with a higher seal epoch
          and goes on: the write is older than the delete, which then starts again.
Source    docs/design/objects.md
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from atoll.base.clock import Clock, Entropy
from atoll.base.errors import BucketExists, BucketNotFound, Contended
from atoll.base.names import BucketName
from atoll.core.formats.bucket_record import BucketRecord, decode_bucket, encode_bucket
from atoll.core.quorum.messages import Detail, Value
from atoll.objects.contract import BucketChange
from atoll.objects.keys import (
    BUCKETS_END,
    BUCKETS_START,
    INCARNATION_BYTES,
    bucket_cell,
    prefix_end,
    seal_prefixes,
)
from atoll.objects.values import Bucket, BucketPage, Versioning
from atoll.registers.contract import Cell, Change, Decide, Outcome, RegisterStore, ScanRange

#: Waits until no node uses a bucket record older than the present one; returns at once on one node.
LeaseWait = Callable[[], Awaitable[None]]

_SEAL_RETRIES_MAX: Final = 8


def load_bucket(name: BucketName, record: BucketRecord) -> Bucket:
    """Return a stored bucket."""
    return Bucket(
        name=name,
        incarnation=record.incarnation,
        created_ns=record.created_ns,
        region=record.region,
        owner=record.owner,
        versioning=Versioning(record.versioning),
        tags=record.tags,
        seal_epoch=record.seal_epoch,
    )


def store_record(record: BucketRecord) -> Change:
    """Return the write that makes a record the value of its register."""
    return Change(True, b"", encode_bucket(record))


def with_state(record: BucketRecord, *, deleting: bool, seal_epoch: int) -> BucketRecord:
    """Return a record in another state."""
    return BucketRecord(
        record.incarnation,
        seal_epoch,
        deleting,
        record.created_ns,
        record.region,
        record.owner,
        record.versioning,
        record.tags,
    )


class BucketDirectory:
    """Finds, makes and changes buckets."""

    def __init__(
        self,
        registers: RegisterStore,
        clock: Clock,
        entropy: Entropy,
        *,
        lease_s: float,
        cached_max: int,
        lease_wait: LeaseWait,
    ) -> None:
        self._registers = registers
        self._clock = clock
        self._entropy = entropy
        self._lease_s = lease_s
        self._cached_max = cached_max
        self.lease_wait = lease_wait
        #: Bucket and the monotonic second its lease ends, least recently used first.
        self._cached: OrderedDict[BucketName, tuple[Bucket, float]] = OrderedDict()
        #: Counts local changes: a read that began before one must not enter the cache after it.
        self._changes = 0

    async def get(self, name: BucketName) -> Bucket:
        """Return a bucket, at most a lease old. Raises BucketNotFound."""
        cached = self._cached.get(name)
        if cached is not None and self._clock.monotonic_s() < cached[1]:
            self._cached.move_to_end(name)
            return cached[0]
        return await self.read(name)

    async def read(self, name: BucketName) -> Bucket:
        """Return a bucket as it is now. Raises BucketNotFound."""
        began_s = self._clock.monotonic_s()
        changes = self._changes
        found = await self._registers.read(bucket_cell(name), detail=Detail.HEAD)
        if found is None:
            self._cached.pop(name, None)
            raise BucketNotFound(bucket=name)
        bucket = load_bucket(name, decode_bucket(found.value.head))
        if changes == self._changes:
            self._cached[name] = (bucket, began_s + self._lease_s)
            self._cached.move_to_end(name)
            if len(self._cached) > self._cached_max:
                self._cached.popitem(last=False)
        return bucket

    def forget(self, name: BucketName) -> None:
        """Drop a cached record, and those that are being read."""
        self._changes += 1
        self._cached.pop(name, None)

    async def create(self, name: BucketName, *, owner: str, region: str) -> Bucket:
        """Make a bucket. Raises BucketExists."""
        record = BucketRecord(
            incarnation=self._entropy.random_bytes(INCARNATION_BYTES),
            seal_epoch=0,
            deleting=False,
            created_ns=self._clock.time_ns(),
            region=region,
            owner=owner,
            versioning=Versioning.UNSET.value,
            tags={},
        )

        def decide(value: Value | None) -> Change | None:
            if value is not None:
                present = decode_bucket(value.head)
                raise BucketExists(bucket=name, owned=present.owner == owner)
            return store_record(record)

        await self._registers.write(bucket_cell(name), decide)
        self.forget(name)
        return load_bucket(name, record)

    async def update(self, name: BucketName, change: BucketChange) -> Bucket:
        """Change settings; no request begun after the return uses older ones."""
        versioning, tags = change.versioning, change.tags

        def edit(record: BucketRecord) -> BucketRecord:
            return BucketRecord(
                record.incarnation,
                record.seal_epoch,
                record.deleting,
                record.created_ns,
                record.region,
                record.owner,
                record.versioning if versioning is None else versioning.value,
                record.tags if tags is None else dict(tags),
            )

        record = await self.edit(name, edit)
        await self.lease_wait()
        return load_bucket(name, record)

    async def edit(
        self, name: BucketName, edit: Callable[[BucketRecord], BucketRecord]
    ) -> BucketRecord:
        """Change the record of a bucket and return what it is then. Raises BucketNotFound."""
        record: BucketRecord | None = None

        def decide(value: Value | None) -> Change | None:
            nonlocal record
            if value is None:
                raise BucketNotFound(bucket=name)
            present = decode_bucket(value.head)
            record = edit(present)
            return None if record == present else store_record(record)

        try:
            await self._registers.write(bucket_cell(name), decide)
        finally:
            # An unknown outcome may be a change, too.
            self.forget(name)
        if record is None:
            raise AssertionError("a register write returned without a decision")
        return record

    async def list(self, *, prefix: str, after: str, limit: int) -> BucketPage:
        """Return buckets in name order."""
        low = BUCKETS_START + prefix.encode()
        end = prefix_end(low) if prefix else BUCKETS_END
        start = max(low, BUCKETS_START + after.encode() + b"\0") if after else low
        buckets: list[Bucket] = []
        while start is not None and start < end and len(buckets) <= limit and limit > 0:
            asked = ScanRange(
                start=start, end=end, limit=limit + 1 - len(buckets), detail=Detail.HEAD
            )
            page = await self._registers.scan(asked)
            for row in page.rows:
                name = BucketName(row.key[len(BUCKETS_START) :].decode())
                buckets.append(load_bucket(name, decode_bucket(row.body)))
            if page.next_start is None:
                break
            start = page.next_start
        if len(buckets) <= limit:
            return BucketPage(buckets, None)
        return BucketPage(buckets[:limit], buckets[limit - 1].name)

    async def write(self, bucket: Bucket, cell: Cell, decide: Decide) -> Outcome:
        """Write a register of a bucket.

        Raises BucketNotFound when the bucket went, or made room for another of its name.
        """
        epoch = bucket.seal_epoch
        try:
            return await self._registers.write(cell, decide, seal_epoch=epoch)
        except BucketNotFound:
            pass
        for _ in range(_SEAL_RETRIES_MAX):
            epoch = await self._unseal(bucket)
            try:
                return await self._registers.write(cell, decide, seal_epoch=epoch)
            except BucketNotFound:
                continue
        raise Contended("The bucket is being deleted over and over.", bucket=bucket.name)

    async def lift_seals(self, record: BucketRecord) -> None:
        """Tell drives that a bucket outlived its seals, so that older values may be completed."""
        for prefix in seal_prefixes(record.incarnation):
            await self._registers.seal(prefix, record.seal_epoch - 1, lifted=True)

    async def _unseal(self, bucket: Bucket) -> int:
        def edit(record: BucketRecord) -> BucketRecord:
            if record.incarnation != bucket.incarnation:
                raise BucketNotFound(bucket=bucket.name)
            if not record.deleting:
                return record
            return with_state(record, deleting=False, seal_epoch=record.seal_epoch + 1)

        record = await self.edit(bucket.name, edit)
        await self.lift_seals(record)
        return record.seal_epoch
