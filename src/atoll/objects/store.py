"""The object store on registers and stripes: what front ends and jobs call.

Owns      the wiring of the layer; every call is passed to the noun that owns it.
Invariant implements `objects.contract.ObjectStore`.
Tasks     none of its own; calls may run concurrently on one event loop.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from atoll.base.clock import Clock, Entropy
from atoll.base.ids import DataId
from atoll.base.names import BucketName, ObjectKey, UploadId, VersionId
from atoll.base.streams import Body
from atoll.objects.bucket_removal import BucketRemover
from atoll.objects.buckets import BucketDirectory, LeaseWait
from atoll.objects.bytes_contract import ByteStore
from atoll.objects.contract import (
    BucketChange,
    CompleteRequest,
    CopyRequest,
    ListRequest,
    OpenObject,
    PutRequest,
)
from atoll.objects.copy import ObjectCopier
from atoll.objects.delete import ObjectDeleter
from atoll.objects.foundation import Foundation
from atoll.objects.listing import Lister
from atoll.objects.multipart.completion import UploadCompleter
from atoll.objects.multipart.endings import UploadEnder
from atoll.objects.multipart.expiry import ExpiryStep, UploadExpirer
from atoll.objects.multipart.parts import PartStore
from atoll.objects.multipart.uploads import UploadRegisters, name_upload
from atoll.objects.ownership import Ownership
from atoll.objects.put import ObjectPutter
from atoll.objects.read import ObjectReader
from atoll.objects.values import (
    Bucket,
    BucketPage,
    Conditions,
    CopySource,
    DeleteResult,
    ObjectPage,
    ObjectVersion,
    Part,
    PartPage,
    Upload,
    UploadPage,
    VersionPage,
)
from atoll.objects.versions.commit import VersionEditor
from atoll.objects.versions.pages import Pages
from atoll.registers.contract import RegisterStore

_NO_CONDITIONS: Final = Conditions()


async def _no_other_nodes() -> None:
    """Return at once: no other node holds leases."""


class ObjectSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the layer."""

    #: How long a cached bucket record is used; a change of settings waits as long.
    bucket_lease_s: float = 2.0
    buckets_cached_max: int = 1024
    lease_wait: LeaseWait = _no_other_nodes


class Objects:
    """Buckets, objects, versions and uploads."""

    def __init__(
        self,
        registers: RegisterStore,
        store: ByteStore,
        clock: Clock,
        entropy: Entropy,
        settings: ObjectSettings,
    ) -> None:
        buckets = BucketDirectory(
            registers,
            clock,
            entropy,
            lease_s=settings.bucket_lease_s,
            cached_max=settings.buckets_cached_max,
            lease_wait=settings.lease_wait,
        )
        pages = Pages(store)
        foundation = Foundation(
            registers=registers,
            store=store,
            clock=clock,
            entropy=entropy,
            buckets=buckets,
            pages=pages,
            editor=VersionEditor(registers, buckets, pages),
        )
        self._buckets = buckets
        self._putter = ObjectPutter(foundation)
        self._reader = ObjectReader(foundation)
        self._deleter = ObjectDeleter(foundation)
        self._lister = Lister(foundation)
        self._uploads = UploadRegisters(foundation)
        self._parts = PartStore(foundation, self._uploads)
        ender = UploadEnder(foundation, self._uploads)
        self._completer = UploadCompleter(
            foundation, self._uploads, self._parts, ender, self._putter
        )
        self._expirer = UploadExpirer(foundation, self._uploads, ender, self._completer)
        self._remover = BucketRemover(foundation, self._expirer)
        self._copier = ObjectCopier(foundation, self._reader, self._putter, self._parts)
        self._ownership = Ownership(foundation)

    async def create_bucket(self, name: BucketName, *, owner: str, region: str) -> Bucket:
        """Make a bucket."""
        return await self._buckets.create(name, owner=owner, region=region)

    async def head_bucket(self, name: BucketName) -> Bucket:
        """Return a bucket."""
        return await self._buckets.get(name)

    async def update_bucket(self, name: BucketName, change: BucketChange) -> Bucket:
        """Change settings of a bucket."""
        return await self._buckets.update(name, change)

    async def delete_bucket(self, name: BucketName) -> None:
        """Remove an empty bucket."""
        await self._remover.delete(name)

    async def list_buckets(self, *, prefix: str, after: str, limit: int) -> BucketPage:
        """List buckets in name order."""
        return await self._buckets.list(prefix=prefix, after=after, limit=limit)

    async def put(self, request: PutRequest, body: Body) -> ObjectVersion:
        """Store one object from a body."""
        return await self._putter.put(request, body)

    async def open(
        self,
        bucket: BucketName,
        key: ObjectKey,
        version_id: VersionId | None = None,
        conditions: Conditions = _NO_CONDITIONS,
    ) -> OpenObject:
        """Open a version for reading."""
        return await self._reader.open(bucket, key, version_id, conditions)

    async def delete(
        self,
        bucket: BucketName,
        key: ObjectKey,
        version_id: VersionId | None = None,
        conditions: Conditions = _NO_CONDITIONS,
    ) -> DeleteResult:
        """Remove a version, or make a delete marker."""
        return await self._deleter.delete(bucket, key, version_id, conditions)

    async def copy(self, request: CopyRequest) -> ObjectVersion:
        """Copy a version into a key."""
        return await self._copier.copy(request)

    async def put_tags(
        self,
        bucket: BucketName,
        key: ObjectKey,
        version_id: VersionId | None,
        tags: Mapping[str, str],
    ) -> ObjectVersion:
        """Replace the tags of a version."""
        return await self._deleter.put_tags(bucket, key, version_id, tags)

    async def list_objects(self, request: ListRequest) -> ObjectPage:
        """List current versions that are not delete markers."""
        return await self._lister.list_objects(request)

    async def list_versions(self, request: ListRequest) -> VersionPage:
        """List all versions and delete markers."""
        return await self._lister.list_versions(request)

    async def create_upload(
        self, request: PutRequest, *, checksum_algorithm: str, composite: bool
    ) -> Upload:
        """Begin a multipart upload."""
        return await self._uploads.create(
            request, checksum_algorithm=checksum_algorithm, composite=composite
        )

    async def put_part(
        self,
        bucket: BucketName,
        key: ObjectKey,
        upload_id: UploadId,
        number: int,
        body: Body,
    ) -> Part:
        """Store one part."""
        return await self._parts.put_part(bucket, key, upload_id, number, body)

    async def copy_part(
        self,
        bucket: BucketName,
        key: ObjectKey,
        upload_id: UploadId,
        number: int,
        source: CopySource,
    ) -> Part:
        """Store one part from a range of an object."""
        return await self._copier.copy_part(bucket, key, upload_id, number, source)

    async def complete_upload(self, request: CompleteRequest) -> ObjectVersion:
        """Make the object from its parts, once."""
        return await self._completer.complete(request)

    async def abort_upload(self, bucket: BucketName, key: ObjectKey, upload_id: UploadId) -> None:
        """Drop an upload and its parts."""
        name = name_upload(await self._buckets.get(bucket), key, upload_id)
        await self._expirer.abort(name)

    async def list_uploads(self, request: ListRequest) -> UploadPage:
        """List uploads in progress."""
        return await self._lister.list_uploads(request)

    async def list_parts(
        self,
        bucket: BucketName,
        key: ObjectKey,
        upload_id: UploadId,
        *,
        after: int,
        limit: int,
    ) -> PartPage:
        """List the parts of an upload by number."""
        return await self._parts.list_parts(bucket, key, upload_id, after=after, limit=limit)

    async def expire_uploads(
        self, older_than_ns: int, budget: int, start: bytes = b""
    ) -> ExpiryStep:
        """End uploads begun, and forget those completed, before `older_than_ns`; one step."""
        return await self._expirer.step(older_than_ns, budget, start)

    async def named_data(self, owner_key: bytes) -> frozenset[DataId]:
        """Return every data id named for an object's register key, for the orphan scan."""
        return await self._ownership.named_by(owner_key)
