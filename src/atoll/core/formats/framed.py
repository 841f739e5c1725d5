"""Frames of msgpack records: one byte of format version, then one msgpack value.

Owns      how a version byte is written, read and refused, for the records of the object layer.
Does not  add a checksum: register records and shard blocks carry their own beneath.
Errors    decoding raises only Damaged errors, whatever the bytes are.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from atoll.base.errors import FormatUnknown, RecordCorrupt

T = TypeVar("T")


def decode_framed(
    decoder: msgspec.msgpack.Decoder[T], version: int, raw: bytes | memoryview, *, record: str
) -> T:
    """Return the record behind a version byte.

    Raises
        FormatUnknown: the version byte is another one.
        RecordCorrupt: empty, or not a msgpack value of the record's shape.
    """
    if not raw:
        raise RecordCorrupt("A record is empty.", record=record)
    if raw[0] != version:
        raise FormatUnknown("A record has an unknown format.", record=record, version=raw[0])
    try:
        return decoder.decode(memoryview(raw)[1:])
    except (msgspec.DecodeError, UnicodeDecodeError, OverflowError, RecursionError) as exc:
        raise RecordCorrupt("A record cannot be decoded.", record=record) from exc
