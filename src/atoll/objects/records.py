"""Translate between stored records and the values that front ends see. Pure.

Owns      the mapping of version, upload and part records to `objects.values`.
Does not  decide anything.
"""

from __future__ import annotations

from typing import Final

from atoll.base.names import ObjectKey, UploadId, VersionId
from atoll.core.formats.object_record import (
    NULL_VERSION,
    PartEntry,
    StoredChecksum,
    VersionRecord,
    decode_summaries,
)
from atoll.core.formats.part_record import PartRecord
from atoll.core.formats.upload_record import UploadRecord
from atoll.core.quorum.messages import Row
from atoll.objects.keys import OWNER_BYTES
from atoll.objects.values import (
    Attributes,
    Checksum,
    ListedKey,
    ObjectVersion,
    Part,
    PartSize,
    Upload,
)

NO_ATTRIBUTES: Final = Attributes()


def make_version_id(time_ns: int, random: bytes) -> VersionId:
    """Return a version id of 32 hex digits from a time and 8 random bytes."""
    return VersionId(f"{time_ns:016x}{random.hex()}")


def version_hint(version_id: str, modified_ns: int) -> int:
    """Return the time (ns) under which pages index a version."""
    return modified_ns if version_id == NULL_VERSION else int(version_id[:16], 16)


def parse_hint(version_id: str) -> int | None:
    """Return the hint of a version id from outside; None: no version ever had this id."""
    if len(version_id) != 32:
        return None
    try:
        int(version_id, 16)
        return int(version_id[:16], 16)
    except ValueError:
        return None


def store_checksum(checksum: Checksum | None) -> StoredChecksum | None:
    """Return the stored form of a checksum."""
    if checksum is None:
        return None
    return StoredChecksum(checksum.algorithm, checksum.value, checksum.composite)


def load_checksum(stored: StoredChecksum | None) -> Checksum | None:
    """Return a stored checksum."""
    if stored is None:
        return None
    return Checksum(stored.algorithm, stored.value, stored.composite)


def load_version(key: ObjectKey, record: VersionRecord, *, is_latest: bool) -> ObjectVersion:
    """Return a stored version."""
    headers, metadata, tags = record.headers, record.metadata, record.tags
    if headers or metadata or tags:
        attributes = Attributes(headers=headers, metadata=metadata, tags=tags)
    else:
        attributes = NO_ATTRIBUTES
    checksum = record.checksum
    return ObjectVersion(
        key=key,
        version_id=VersionId(record.version_id),
        is_delete_marker=record.is_delete_marker,
        is_latest=is_latest,
        modified_ns=record.modified_ns,
        size_bytes=record.size_bytes,
        etag=record.etag,
        checksum=None if checksum is None else load_checksum(checksum),
        attributes=attributes,
        parts_count=record.parts_count,
    )


def load_part_size(entry: PartEntry, algorithm: str) -> PartSize:
    """Return a part of a multipart object."""
    checksum = Checksum(algorithm, entry.checksum) if entry.checksum else None
    return PartSize(entry.number, entry.size_bytes, checksum)


def load_listed(rows: list[Row]) -> list[ListedKey]:
    """Return the rows of a listing from register rows with their summaries."""
    return [
        ListedKey(
            ObjectKey(row.key[OWNER_BYTES:]),
            summary.modified_ns,
            summary.size_bytes,
            summary.etag,
            summary.checksum_algorithm,
            summary.checksum_composite,
        )
        for row, summary in zip(rows, decode_summaries([row.body for row in rows]), strict=True)
    ]


def load_upload(key: ObjectKey, record: UploadRecord) -> Upload:
    """Return a stored upload."""
    return Upload(
        key=key,
        upload_id=UploadId(record.upload_id),
        initiated_ns=record.initiated_ns,
        attributes=Attributes(headers=record.headers, metadata=record.metadata, tags=record.tags),
        checksum_algorithm=record.checksum_algorithm,
        checksum_composite=record.checksum_composite,
    )


def load_part(record: PartRecord) -> Part:
    """Return a stored part."""
    return Part(
        number=record.number,
        size_bytes=record.size_bytes,
        etag=record.etag,
        modified_ns=record.modified_ns,
        checksum=load_checksum(record.checksum),
    )
