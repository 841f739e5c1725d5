"""Part record, format 1: the head of a register `p/<incarnation><key>\\0<upload id>\\0<number>`.

Owns      one uploaded part, and the bytes it superseded.
Invariant bytes named in `superseded` stay until no completion that read an older record can still
          win; see docs/design/multipart.md.
Source    docs/formats/part-record.md
"""

from __future__ import annotations

from typing import Final

import msgspec

from atoll.base.ids import DataId
from atoll.core.formats.data_ref import StoredRef
from atoll.core.formats.framed import decode_framed
from atoll.core.formats.object_record import StoredChecksum

FORMAT: Final = 1


class PartRecord(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A part. Its bytes belong to the object's register key; `ref` is None for no bytes."""

    number: int
    size_bytes: int
    etag: str
    modified_ns: int
    ref: StoredRef | None
    checksum: StoredChecksum | None = None
    superseded: tuple[DataId, ...] = ()


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(PartRecord)


def encode_part(record: PartRecord) -> bytes:
    """Return the stored bytes of a part record."""
    return bytes((FORMAT,)) + _encoder.encode(record)


def decode_part(raw: bytes) -> PartRecord:
    """Return a part record. Raises RecordCorrupt, FormatUnknown."""
    return decode_framed(_decoder, FORMAT, raw, record="part")
