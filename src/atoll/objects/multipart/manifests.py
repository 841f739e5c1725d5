"""Choose the parts of an object from what a completion names. Pure.

Owns      the checks of CompleteMultipartUpload, the ETag and checksum of the whole, and the version
          record it makes.
Source    AWS CompleteMultipartUpload, "Checking object integrity": the ETag is the MD5 of the
          parts' MD5s, a composite checksum the digest of the parts' digests, a full-object CRC is
          combined from theirs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from atoll.base.errors import (
    ChecksumMissing,
    DigestMismatch,
    InvalidPart,
    InvalidPartOrder,
    Malformed,
    SizeMismatch,
    TooLarge,
    TooSmall,
)
from atoll.base.limits import OBJECT_BYTES_MAX, PART_BYTES_MIN
from atoll.core.formats.data_ref import StoredRef
from atoll.core.formats.object_record import NOT_INLINE, PartEntry, VersionRecord
from atoll.core.formats.part_record import PartRecord
from atoll.core.formats.upload_record import UploadRecord
from atoll.objects.contract import CompleteRequest
from atoll.objects.digests import checksum_of
from atoll.objects.multipart.crc import combine, is_combinable
from atoll.objects.records import store_checksum
from atoll.objects.values import Checksum, NamedPart

#: More parts than this go to a manifest of their own; the head would carry them on every write.
PARTS_IN_HEAD_MAX: Final = 16


def choose_parts(named: Sequence[NamedPart], stored: Mapping[int, PartRecord]) -> list[PartRecord]:
    """Return the stored parts that a completion names.

    Raises
        Malformed: no part is named. InvalidPartOrder: numbers do not ascend.
        InvalidPart: a part is missing or another one. TooSmall: one before the last is.
        TooLarge: together they exceed the largest object.
    """
    if not named:
        raise Malformed("A completion names at least one part.")
    for before, after in zip(named, named[1:], strict=False):
        if after.number <= before.number:
            raise InvalidPartOrder(number=after.number)
    chosen = [_match(part, stored.get(part.number)) for part in named]
    for part in chosen[:-1]:
        if part.size_bytes < PART_BYTES_MIN:
            raise TooSmall(
                number=part.number,
                etag=part.etag,
                size_bytes=part.size_bytes,
                size_bytes_min=PART_BYTES_MIN,
            )
    size_bytes = sum(part.size_bytes for part in chosen)
    if size_bytes > OBJECT_BYTES_MAX:
        raise TooLarge(size_bytes=size_bytes, size_bytes_max=OBJECT_BYTES_MAX)
    return chosen


def _match(named: NamedPart, stored: PartRecord | None) -> PartRecord:
    if stored is None or stored.etag != named.etag:
        raise InvalidPart(number=named.number, etag=named.etag)
    for algorithm, value in named.checksums.items():
        checksum = stored.checksum
        if checksum is None or checksum.algorithm != algorithm or checksum.value != value:
            raise InvalidPart(number=named.number, etag=named.etag, algorithm=algorithm)
    return stored


def check_named_checksums(upload: UploadRecord, named: Sequence[NamedPart]) -> None:
    """Check that a composite checksum's parts come with their own: the client vouches for each.

    Raises
        ChecksumMissing: one does not.
    """
    algorithm = upload.checksum_algorithm
    if not algorithm or not upload.checksum_composite:
        return
    for part in named:
        if algorithm not in part.checksums:
            raise ChecksumMissing(
                f"The upload was created using a {algorithm.lower()} checksum. The complete request"
                " must include the checksum for each part. It was missing for part"
                f" {part.number} in the request.",
                number=part.number,
            )


def makes(named: Sequence[NamedPart], etag: str) -> bool:
    """Return whether these parts make an object of this ETag, which follows from theirs."""
    try:
        joined = b"".join(bytes.fromhex(part.etag) for part in named)
    except ValueError:
        return False
    return etag == join_etags(joined, len(named))


def join_etags(md5s: bytes, count: int) -> str:
    """Return the ETag of an object from the MD5s of its parts, one after another."""
    return f"{hashlib.md5(md5s, usedforsecurity=False).hexdigest()}-{count}"


def plan_checksum(upload: UploadRecord, parts: Sequence[PartRecord]) -> Checksum | None:
    """Return the checksum of the whole, of the kind the upload asked for.

    An upload that asked for none gets one of the whole, where its parts agree on an algorithm that
    gives one: the default one, or what their clients sent.
    """
    checksums = [part.checksum for part in parts if part.checksum is not None]
    algorithms = {checksum.algorithm for checksum in checksums}
    if len(checksums) != len(parts) or len(algorithms) != 1:
        return None
    (algorithm,) = algorithms
    asked = upload.checksum_algorithm
    if algorithm != asked and (asked or not is_combinable(algorithm)):
        return None
    digests = [checksum.value for checksum in checksums]
    if upload.checksum_composite or not is_combinable(algorithm):
        return Checksum(algorithm, checksum_of(algorithm, b"".join(digests)), composite=True)
    sizes = [part.size_bytes for part in parts]
    return Checksum(algorithm, combine(algorithm, zip(digests, sizes, strict=True)))


def check_promises(request: CompleteRequest, found: Checksum | None, size_bytes: int) -> None:
    """Compare size and checksum with what the client promised of the whole.

    Raises
        DigestMismatch, SizeMismatch.
    """
    if request.size_bytes is not None and request.size_bytes != size_bytes:
        raise SizeMismatch(expected=request.size_bytes, found=size_bytes)
    promised = request.checksum
    if promised is None:
        return
    if found is None or (promised.algorithm, promised.value) != (found.algorithm, found.value):
        raise DigestMismatch(
            "The object does not match the checksum promised for it.",
            algorithm=promised.algorithm,
            expected=promised.value.hex(),
            found="" if found is None else found.value.hex(),
        )


def plan_entries(parts: Sequence[PartRecord]) -> tuple[PartEntry, ...]:
    """Return the parts as the object's record or manifest lists them."""
    return tuple(
        PartEntry(
            part.number,
            part.size_bytes,
            part.ref,
            b"" if part.checksum is None else part.checksum.value,
        )
        for part in parts
    )


def plan_version(
    upload: UploadRecord,
    parts: Sequence[PartRecord],
    checksum: Checksum | None,
    *,
    version_id: str,
    modified_ns: int,
    manifest: StoredRef | None,
) -> VersionRecord:
    """Return the version that the parts make."""
    joined = b"".join(bytes.fromhex(part.etag) for part in parts)
    first = parts[0].checksum
    return VersionRecord(
        version_id,
        False,
        modified_ns,
        sum(part.size_bytes for part in parts),
        join_etags(joined, len(parts)),
        NOT_INLINE,
        None,
        store_checksum(checksum),
        upload.headers,
        upload.metadata,
        upload.tags,
        len(parts),
        "" if first is None else first.algorithm,
        plan_entries(parts) if manifest is None else (),
        manifest,
    )
