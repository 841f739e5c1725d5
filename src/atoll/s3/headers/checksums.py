"""Checksums as S3 names and writes them.

Owns      member and header names per algorithm, base64 and the part-count suffix of composite
          values, and which algorithm goes with which type in a multipart upload.
Does not  compute digests (the object layer) or read them from a body's headers and trailers (body).
Invariant every algorithm of `ALGORITHMS` is understood everywhere; any other is refused by name.
Source    AWS "Checking object integrity in Amazon S3".
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from typing import Final

from atoll.base.errors import NotSupported
from atoll.objects.values import Checksum
from atoll.s3.call import Document
from atoll.s3.errors import S3Error
from atoll.s3.protocol.members import text

COMPOSITE: Final = "COMPOSITE"
FULL_OBJECT: Final = "FULL_OBJECT"

#: Algorithm → size of its value in bytes.
ALGORITHMS: Final[Mapping[str, int]] = {
    "CRC32": 4,
    "CRC32C": 4,
    "CRC64NVME": 8,
    "SHA1": 20,
    "SHA256": 32,
}
_UNSUPPORTED: Final = ("SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128")
_CRCS: Final = frozenset({"CRC32", "CRC32C", "CRC64NVME"})
_COMPOSABLE: Final = frozenset(ALGORITHMS) - {"CRC64NVME"}
_MEMBERS: Final = {name: f"Checksum{name}" for name in ALGORITHMS}
_HEADERS: Final = {name: f"x-amz-checksum-{name.lower()}" for name in ALGORITHMS}
_SUFFIX: Final = re.compile(r"-[0-9]{1,5}$")


def kind_of(is_composite: bool) -> str:
    """Return the name of a checksum type."""
    return COMPOSITE if is_composite else FULL_OBJECT


def encode_checksum(checksum: Checksum, parts_count: int = 0) -> str:
    """Return a value in base64; a composite one ends in its number of parts, where known."""
    value = binascii.b2a_base64(checksum.value, newline=False).decode("ascii")
    return f"{value}-{parts_count}" if checksum.composite and parts_count else value


def checksum_members(checksum: Checksum | None, parts_count: int = 0) -> dict[str, str]:
    """Return the output member of a checksum's value, by name."""
    if checksum is None:
        return {}
    return {_MEMBERS[checksum.algorithm]: encode_checksum(checksum, parts_count)}


def typed_members(checksum: Checksum | None, parts_count: int = 0) -> dict[str, str]:
    """Return the output members of a checksum's value and type, by name."""
    if checksum is None:
        return {}
    members = checksum_members(checksum, parts_count)
    members["ChecksumType"] = kind_of(checksum.composite)
    return members


def checksum_headers(checksum: Checksum, parts_count: int = 0) -> list[tuple[str, str]]:
    """Return the headers of a checksum's value and type."""
    return [
        (_HEADERS[checksum.algorithm], encode_checksum(checksum, parts_count)),
        ("x-amz-checksum-type", kind_of(checksum.composite)),
    ]


def part_header(checksum: Checksum) -> tuple[str, str]:
    """Return the header of a part's checksum; a part's answer names no type."""
    return _HEADERS[checksum.algorithm], encode_checksum(checksum)


def parse_checksums(document: Document) -> dict[str, bytes]:
    """Return the checksums a structure promises, by algorithm.

    Raises
        S3Error: InvalidRequest, a value is not base64 of its algorithm's size.
        NotSupported: an algorithm this version does not have.
    """
    for name in _UNSUPPORTED:
        if f"Checksum{name}" in document:
            raise NotSupported(feature=f"checksum algorithm {name}")
    found: dict[str, bytes] = {}
    for name, member in _MEMBERS.items():
        value = text(document, member)
        if value is not None:
            found[name] = _decode(name, value)
    return found


def _decode(algorithm: str, value: str) -> bytes:
    try:
        raw = binascii.a2b_base64(_SUFFIX.sub("", value), strict_mode=True)
    except ValueError:
        raw = b""
    if len(raw) != ALGORITHMS[algorithm]:
        raise S3Error("InvalidRequest", f"Value for {_HEADERS[algorithm]} header is invalid.")
    return raw


def parse_algorithm(value: str) -> str:
    """Return an algorithm by the name a client gave it.

    Raises
        S3Error: InvalidRequest, there is no such algorithm here.
    """
    name = value.upper()
    if name not in ALGORITHMS:
        raise S3Error(
            "InvalidRequest",
            "Checksum algorithm provided is unsupported. Please try again with any of the valid"
            f" types: [{', '.join(ALGORITHMS)}]",
        )
    return name


def parse_type(value: str) -> bool:
    """Return whether a checksum type is the composite one.

    Raises
        S3Error: InvalidRequest, it is neither of the two.
    """
    name = value.upper()
    if name not in (COMPOSITE, FULL_OBJECT):
        raise S3Error("InvalidRequest", "Value for x-amz-checksum-type header is invalid.")
    return name == COMPOSITE


def parse_upload_checksum(document: Document) -> tuple[str, bool]:
    """Return algorithm (empty: none) and whether composite, of a new multipart upload.

    Raises
        S3Error: InvalidRequest, the two do not go together.
    """
    named, kind = text(document, "ChecksumAlgorithm"), text(document, "ChecksumType")
    if not named:
        if kind is not None:
            raise S3Error(
                "InvalidRequest",
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm"
                " header.",
            )
        return "", False
    algorithm = parse_algorithm(named)
    # The type S3 takes where a client names none.
    is_composite = algorithm != "CRC64NVME" if kind is None else parse_type(kind)
    # Only CRCs of parts add up to the CRC of the whole; CRC64NVME is of the whole always.
    if algorithm not in (_COMPOSABLE if is_composite else _CRCS):
        raise S3Error(
            "InvalidRequest",
            f"The {kind_of(is_composite)} checksum type cannot be used with"
            f" the {algorithm.lower()} checksum algorithm.",
        )
    return algorithm, is_composite
