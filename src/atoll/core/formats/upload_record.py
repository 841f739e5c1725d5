"""Upload record, format 1: the head of a register `u/<incarnation><key>\\0<upload id>`.

Owns      a multipart upload and how far its completion has come.
States    open(generation) → completing(token, version) → completed(version); open → aborted;
          completing → open(generation + 1) when a condition refused the completion.
Invariant whoever changes what a completion may have read first raises `generation`: a completion
          enters `completing` only from the generation it began with.
Source    docs/formats/upload-record.md
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import msgspec

from atoll.core.formats.framed import decode_framed
from atoll.core.formats.object_record import VersionRecord

FORMAT: Final = 1


class UploadState(IntEnum):
    """How far an upload has come."""

    OPEN = 0
    COMPLETING = 1
    COMPLETED = 2
    ABORTED = 3


class Completion(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a completion makes: a version, under conditions, by consuming a token at the object."""

    token: bytes
    version: VersionRecord
    if_match: tuple[str, ...] | None = None
    if_none_match: tuple[str, ...] | None = None


class UploadRecord(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """An upload. `completion` is set in COMPLETING and COMPLETED, `ended_ns` in the last two."""

    upload_id: str
    state: UploadState
    generation: int
    initiated_ns: int
    headers: dict[str, str]
    metadata: dict[str, str]
    tags: dict[str, str]
    checksum_algorithm: str = ""
    checksum_composite: bool = False
    completion: Completion | None = None
    ended_ns: int = 0


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(UploadRecord)


def encode_upload(record: UploadRecord) -> bytes:
    """Return the stored bytes of an upload record."""
    return bytes((FORMAT,)) + _encoder.encode(record)


def decode_upload(raw: bytes) -> UploadRecord:
    """Return an upload record. Raises RecordCorrupt, FormatUnknown."""
    return decode_framed(_decoder, FORMAT, raw, record="upload")
