"""What the object layer offers to front ends.

Every call is linearizable per key and durable when it returns. Buckets must exist, else
BucketNotFound. All calls raise Unavailable and Damaged errors besides the Rejected ones named here;
DriveFault never leaves this layer.

Conditions of writes are evaluated against the current version inside the write's own register
round, so they are compare-and-set: `if_none_match=("*",)` with a live current version →
PreconditionFailed; `if_match` that does not hold → PreconditionFailed, on a missing key
ObjectNotFound.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from atoll.base.names import BucketName, ObjectKey, UploadId, VersionId
from atoll.base.streams import Body
from atoll.objects.values import (
    Attributes,
    Bucket,
    BucketPage,
    ByteRange,
    Checksum,
    Conditions,
    CopySource,
    DeleteResult,
    NamedPart,
    ObjectPage,
    ObjectVersion,
    Part,
    PartPage,
    PartSize,
    Upload,
    UploadPage,
    Versioning,
    VersionPage,
)


class BucketChange(msgspec.Struct, frozen=True, kw_only=True):
    """What to change about a bucket; None leaves a field as it is."""

    versioning: Versioning | None = None
    tags: Mapping[str, str] | None = None


class PutRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about a put but its bytes."""

    bucket: BucketName
    key: ObjectKey
    attributes: Attributes = Attributes()
    conditions: Conditions = Conditions()


#: Belongs to one object: a copy has what its own request says, whatever else it takes along.
REDIRECT_HEADER: Final = "x-amz-website-redirect-location"


class CopyRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A server-side copy. `attributes`/`tags` None: taken from the source."""

    bucket: BucketName
    key: ObjectKey
    source: CopySource
    #: Replaces headers and metadata of the source when given.
    attributes: Attributes | None = None
    #: What the copy has as `REDIRECT_HEADER`; `attributes` bring their own.
    redirect: str | None = None
    #: Replaces the tags of the source when given.
    tags: Mapping[str, str] | None = None
    conditions: Conditions = Conditions()
    #: Compute this digest of the copied bytes; empty keeps the source's own.
    checksum_algorithm: str = ""


class ListRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a listing. `after` is exclusive; empty strings mean not given."""

    bucket: BucketName
    prefix: bytes = b""
    delimiter: bytes = b""
    after: bytes = b""
    #: For versions and uploads: continue inside key `after`, behind this version or upload.
    after_id: str = ""
    limit: int = 1000


class CompleteRequest(msgspec.Struct, frozen=True, kw_only=True):
    """CompleteMultipartUpload: the parts that make the object, in order."""

    bucket: BucketName
    key: ObjectKey
    upload_id: UploadId
    parts: Sequence[NamedPart]
    conditions: Conditions = Conditions()
    #: Full-object or composite digest promised by the client, verified before the object appears.
    checksum: Checksum | None = None
    #: Promised size of the object, if any.
    size_bytes: int | None = None


class OpenObject(Protocol):
    """A version opened for reading.

    Its bytes stay until it is closed, whatever happens to the key.
    """

    version: ObjectVersion
    #: The whole content, when it travelled with the record; `stream` works too.
    inline: bytes | None

    def stream(self, wanted: ByteRange | None = None) -> AsyncIterator[bytes | memoryview]:
        """Iterate over the content, or a range of it, each block verified before it is yielded.

        Raises Bitrot when more shards are damaged than parity can replace; bytes yielded before are
        right.
        """
        ...

    def part_range(self, number: int) -> ByteRange:
        """Return the bytes of a part; number 1 of an object without parts is all of it.

        Raises InvalidPartNumber.
        """
        ...

    async def parts(self, after: int, limit: int) -> tuple[list[PartSize], bool]:
        """Return parts behind number `after` of a multipart object, and whether more follow."""
        ...

    async def close(self) -> None:
        """Release the bytes."""
        ...


class BucketStore(Protocol):
    """Buckets."""

    async def create_bucket(self, name: BucketName, *, owner: str, region: str) -> Bucket:
        """Make a bucket. Raises BucketExists(owned=…)."""
        ...

    async def head_bucket(self, name: BucketName) -> Bucket:
        """Return a bucket."""
        ...

    async def update_bucket(self, name: BucketName, change: BucketChange) -> Bucket:
        """Change settings; acknowledged when no request uses the old ones any more."""
        ...

    async def delete_bucket(self, name: BucketName) -> None:
        """Remove a bucket without versions and delete markers.

        Open uploads are aborted. Raises BucketNotEmpty.
        """
        ...

    async def list_buckets(self, *, prefix: str, after: str, limit: int) -> BucketPage:
        """List buckets in name order."""
        ...


class ObjectStore(BucketStore, Protocol):
    """Objects, versions and uploads."""

    async def put(self, request: PutRequest, body: Body) -> ObjectVersion:
        """Store one object from a body. Nothing is visible before the body's last check.

        Raises DigestMismatch, IncompleteBody, TooLarge, PreconditionFailed.
        """
        ...

    async def open(
        self,
        bucket: BucketName,
        key: ObjectKey,
        version_id: VersionId | None = None,
        conditions: Conditions = Conditions(),  # noqa: B008 (frozen value)
    ) -> OpenObject:
        """Open a version for reading; close it afterwards.

        Raises ObjectNotFound (with `delete_marker` when the current version is one),
        VersionNotFound, MethodNotAllowed (the version asked for is a delete marker),
        PreconditionFailed, NotModified.
        """
        ...

    async def delete(
        self,
        bucket: BucketName,
        key: ObjectKey,
        version_id: VersionId | None = None,
        conditions: Conditions = Conditions(),  # noqa: B008 (frozen value)
    ) -> DeleteResult:
        """Remove a version, or make a delete marker. A missing key is success, as in S3."""
        ...

    async def copy(self, request: CopyRequest) -> ObjectVersion:
        """Copy a version into a key, within the cluster."""
        ...

    async def put_tags(
        self,
        bucket: BucketName,
        key: ObjectKey,
        version_id: VersionId | None,
        tags: Mapping[str, str],
    ) -> ObjectVersion:
        """Replace the tags of a version."""
        ...

    async def list_objects(self, request: ListRequest) -> ObjectPage:
        """List current versions that are not delete markers."""
        ...

    async def list_versions(self, request: ListRequest) -> VersionPage:
        """List all versions and delete markers."""
        ...

    async def create_upload(
        self, request: PutRequest, *, checksum_algorithm: str, composite: bool
    ) -> Upload:
        """Begin a multipart upload."""
        ...

    async def put_part(
        self, bucket: BucketName, key: ObjectKey, upload_id: UploadId, number: int, body: Body
    ) -> Part:
        """Store one part; a part of the same number is replaced."""
        ...

    async def copy_part(
        self,
        bucket: BucketName,
        key: ObjectKey,
        upload_id: UploadId,
        number: int,
        source: CopySource,
    ) -> Part:
        """Store one part from a range of an object."""
        ...

    async def complete_upload(self, request: CompleteRequest) -> ObjectVersion:
        """Make the object from its parts, once; a repeated call answers the same.

        Raises InvalidPart, InvalidPartOrder, TooSmall, UploadNotFound, DigestMismatch,
        PreconditionFailed.
        """
        ...

    async def abort_upload(self, bucket: BucketName, key: ObjectKey, upload_id: UploadId) -> None:
        """Drop an upload and its parts. Raises UploadNotFound once the upload was completed."""
        ...

    async def list_uploads(self, request: ListRequest) -> UploadPage:
        """List uploads in progress."""
        ...

    async def list_parts(
        self, bucket: BucketName, key: ObjectKey, upload_id: UploadId, *, after: int, limit: int
    ) -> PartPage:
        """List the parts of an upload by number."""
        ...
