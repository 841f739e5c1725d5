"""Bucket record, format 1: the head of a register `n/<bucket name>`.

Owns      the fields of a bucket as they are stored.
States    `deleting` is set before the incarnation's keys are sealed; a bucket leaves it by becoming
          a tombstone, or by going back to live with a seal epoch one higher.
Source    docs/formats/bucket-record.md
"""

from __future__ import annotations

from typing import Final

import msgspec

from atoll.core.formats.framed import decode_framed

FORMAT: Final = 1


class BucketRecord(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A bucket. `incarnation` is 8 random bytes, part of every key in the bucket."""

    incarnation: bytes
    seal_epoch: int
    deleting: bool
    created_ns: int
    region: str
    owner: str
    versioning: str
    tags: dict[str, str]


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(BucketRecord)


def encode_bucket(record: BucketRecord) -> bytes:
    """Return the stored bytes of a bucket record."""
    return bytes((FORMAT,)) + _encoder.encode(record)


def decode_bucket(raw: bytes) -> BucketRecord:
    """Return a bucket record. Raises RecordCorrupt, FormatUnknown."""
    return decode_framed(_decoder, FORMAT, raw, record="bucket")
