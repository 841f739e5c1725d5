"""Register keys of the object layer, and the byte ranges that scans walk.

Owns      the four namespaces: buckets `n/`, objects `b/`, uploads `u/`, parts `p/`.
Invariant object keys hold no NUL, so `\\0` ends a key inside an upload's or part's register key,
          and uploads sort by key first, then by upload id.
Invariant the first 10 bytes (letter, slash, incarnation) are what a seal covers; uploads and
          parts live in the place of their object.
Source    docs/design/objects.md
"""

from __future__ import annotations

import re
from typing import Final

from atoll.base.names import BucketName, ObjectKey, UploadId
from atoll.registers.contract import Cell

BUCKETS_START: Final = b"n/"
BUCKETS_END: Final = b"n0"
#: Length of `b/` and the incarnation.
OWNER_BYTES: Final = 10
INCARNATION_BYTES: Final = 8
_UPLOAD_ID: Final = re.compile(r"[0-9a-f]{40}")


def bucket_cell(name: BucketName) -> Cell:
    """Return the register of a bucket name."""
    key = BUCKETS_START + name.encode()
    return Cell(key, key)


def object_cell(incarnation: bytes, key: bytes) -> Cell:
    """Return the register of an object key."""
    full = b"b/" + incarnation + key
    return Cell(full, full)


def upload_cell(incarnation: bytes, key: bytes, upload_id: str) -> Cell:
    """Return the register of an upload."""
    owner = incarnation + key
    return Cell(b"b/" + owner, b"u/" + owner + b"\0" + upload_id.encode())


def part_cell(incarnation: bytes, key: bytes, upload_id: str, number: int) -> Cell:
    """Return the register of a part."""
    owner = incarnation + key
    suffix = upload_id.encode() + b"\0" + number.to_bytes(2, "big")
    return Cell(b"b/" + owner, b"p/" + owner + b"\0" + suffix)


def part_range(
    incarnation: bytes, key: bytes, upload_id: str, after: int = 0
) -> tuple[bytes, bytes]:
    """Return start and end of the parts of an upload behind part number `after`."""
    prefix = b"p/" + incarnation + key + b"\0" + upload_id.encode()
    return prefix + b"\0" + min(after + 1, 0xFFFF).to_bytes(2, "big"), prefix + b"\1"


def seal_prefixes(incarnation: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the prefixes that are sealed when a bucket is deleted."""
    return b"b/" + incarnation, b"u/" + incarnation, b"p/" + incarnation


def split_upload_key(register_key: bytes) -> tuple[ObjectKey, UploadId]:
    """Return object key and upload id of an upload's register key."""
    key, _, upload_id = register_key[OWNER_BYTES:].rpartition(b"\0")
    return ObjectKey(key), UploadId(upload_id.decode())


def split_part_key(register_key: bytes) -> tuple[ObjectKey, UploadId, int]:
    """Return object key, upload id and part number of a part's register key."""
    key, upload_id, number = (
        register_key[OWNER_BYTES:-44],
        register_key[-43:-3],
        register_key[-2:],
    )
    return ObjectKey(key), UploadId(upload_id.decode()), int.from_bytes(number, "big")


def make_upload_id(time_ns: int, random: bytes) -> UploadId:
    """Return an upload id of 40 hex digits from a time and 12 random bytes."""
    return UploadId(f"{time_ns:016x}{random.hex()}")


def is_upload_id(text: str) -> bool:
    """Return whether text has the form of an upload id; anything else names no upload."""
    return _UPLOAD_ID.fullmatch(text) is not None


def prefix_end(prefix: bytes) -> bytes:
    """Return the first byte string behind all that begin with `prefix`.

    `prefix` holds at least one byte below 0xFF, as every register key does.
    """
    body = prefix.rstrip(b"\xff")
    return body[:-1] + bytes((body[-1] + 1,))
