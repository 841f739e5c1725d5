"""Values of the object layer, as front ends see them. Times are nanoseconds since 1970."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from atoll.base.names import BucketName, ObjectKey, UploadId, VersionId


class Versioning(StrEnum):
    """Whether a bucket keeps old versions."""

    UNSET = "unset"
    ENABLED = "enabled"
    SUSPENDED = "suspended"


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """A bucket. `incarnation` tells it from earlier and later buckets of the same name."""

    name: BucketName
    incarnation: bytes
    created_ns: int
    region: str
    owner: str
    versioning: Versioning = Versioning.UNSET
    tags: dict[str, str] = {}
    #: Raised when a delete was begun and undone; registers refuse writes that saw a lower one.
    seal_epoch: int = 0


class BucketPage(msgspec.Struct, frozen=True):
    """Buckets in name order; `next_after` continues behind the last one, None at the end."""

    buckets: list[Bucket]
    next_after: str | None


class Checksum(msgspec.Struct, frozen=True, array_like=True):
    """A digest of an object: its algorithm, raw bytes and kind.

    `algorithm` is one of `CRC32` `CRC32C` `CRC64NVME` `SHA1` `SHA256`. A composite checksum is the
    digest of the parts' digests; `parts` of it is the object's part count.
    """

    algorithm: str
    value: bytes
    composite: bool = False


class Attributes(msgspec.Struct, frozen=True, kw_only=True):
    """What a writer says about an object besides its bytes.

    `headers` holds content-type, cache-control, content-disposition, content-encoding,
    content-language, expires (lower case names; verbatim values; `content-type` is absent when the
    writer gave none). `metadata` holds user metadata, lower case names without prefix.
    """

    headers: Mapping[str, str] = {}
    metadata: Mapping[str, str] = {}
    tags: Mapping[str, str] = {}


class PartSize(msgspec.Struct, frozen=True, array_like=True):
    """One part of a multipart object, in order: its number, size and optional digest."""

    number: int
    size_bytes: int
    checksum: Checksum | None = None


class ObjectVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a key, or a delete marker. The null version has the id `null`."""

    key: ObjectKey
    version_id: VersionId
    is_delete_marker: bool
    is_latest: bool
    modified_ns: int
    size_bytes: int = 0
    #: Without quotes: hex MD5, or `<hex>-<parts>` for multipart objects.
    etag: str = ""
    checksum: Checksum | None = None
    attributes: Attributes = Attributes()
    #: Number of parts of a multipart object; 0 for others.
    parts_count: int = 0


class Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """Conditions of a request; None means not asked. ETags without quotes, `*` matches any version.

    Reads use all four; writes only the two about ETags.
    """

    if_match: tuple[str, ...] | None = None
    if_none_match: tuple[str, ...] | None = None
    if_modified_since_ns: int | None = None
    if_unmodified_since_ns: int | None = None


class ByteRange(msgspec.Struct, frozen=True, array_like=True):
    """[first, last] inclusive, resolved against an object's size."""

    first: int
    last: int

    @property
    def size_bytes(self) -> int:
        """Return the number of bytes in the range."""
        return self.last - self.first + 1


class RangeSpec(msgspec.Struct, frozen=True, array_like=True):
    """A range as asked: first-last, first- (last None), or the last `suffix` bytes."""

    first: int | None
    last: int | None
    suffix: int | None = None


class DeleteResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a delete did.

    `version_id` is the version removed, or the delete marker made; None where versioning never was
    on. `is_delete_marker`: a marker was made, or the version removed was one.
    """

    version_id: VersionId | None
    is_delete_marker: bool


class ListedKey(msgspec.Struct, frozen=True, gc=False):
    """One row of an object listing."""

    key: ObjectKey
    modified_ns: int
    size_bytes: int
    etag: str
    checksum_algorithm: str = ""
    checksum_composite: bool = False


class ObjectPage(msgspec.Struct, frozen=True):
    """A page of keys and common prefixes, each in byte order.

    `next_after` is the last key or common prefix of the page when more follow, else None; a listing
    with `after=next_after` continues (a common prefix given as `after` is skipped whole).
    """

    keys: list[ListedKey]
    prefixes: list[bytes]
    next_after: bytes | None


class VersionPage(msgspec.Struct, frozen=True):
    """A page of versions and delete markers: keys in byte order, versions newest first."""

    versions: list[ObjectVersion]
    prefixes: list[bytes]
    next_key: bytes | None
    next_version_id: str | None


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A multipart upload in progress. `checksum_algorithm` is empty when none was asked for."""

    key: ObjectKey
    upload_id: UploadId
    initiated_ns: int
    attributes: Attributes = Attributes()
    checksum_algorithm: str = ""
    checksum_composite: bool = False


class UploadPage(msgspec.Struct, frozen=True):
    """A page of uploads by key, then by upload id."""

    uploads: list[Upload]
    prefixes: list[bytes]
    next_key: bytes | None
    next_upload_id: str | None


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One uploaded part. `number` is 1-based as in S3."""

    number: int
    size_bytes: int
    etag: str
    modified_ns: int
    checksum: Checksum | None = None


class PartPage(msgspec.Struct, frozen=True):
    """A page of parts by number; `next_number` is the last number shown when more follow."""

    upload: Upload
    parts: list[Part]
    next_number: int | None


class NamedPart(msgspec.Struct, frozen=True, kw_only=True):
    """A part as named by CompleteMultipartUpload."""

    number: int
    etag: str
    checksums: dict[str, bytes] = {}


class CopySource(msgspec.Struct, frozen=True, kw_only=True):
    """Where a copy reads from, and the conditions the source must meet."""

    bucket: BucketName
    key: ObjectKey
    version_id: VersionId | None = None
    conditions: Conditions = Conditions()
    #: Only for part copies.
    byte_range: RangeSpec | None = None
