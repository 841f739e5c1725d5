"""Register records as a drive stores them: a head record, and its inline bytes beside it.

Layout    docs/formats/register-record.md, format 1, big-endian.
Bound to  the store key: the checksum covers it, so a record that turns up under another key is
          corrupt.
Pair      head and inline record are written in one atomic commit and carry the same ballot.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final

import xxhash

from atoll.base.errors import FormatUnknown, RecordCorrupt
from atoll.base.ids import Ballot, DataId, WriteId
from atoll.core.quorum.messages import Record, Row, StoredBytes, Value

FORMAT: Final = 1
FLAG_LIVE: Final = 1

#: format u8, flags u8, ballot 16, write id 16, lineage count u8, pad, data id count u16, summary
#: length u32, head length u32, inline length u32.
_FIXED: Final = struct.Struct(">BB16s16sBxHIII")
_FIXED_BYTES: Final = _FIXED.size
#: The fields of `_FIXED` that a listing looks at, from the record's beginning.
_ROW: Final = struct.Struct(">BB16s16xBxHI")
_SET_BYTES: Final = 2
_ID_BYTES: Final = 16
_CHECKSUM_BYTES: Final = 16

_digest = xxhash.xxh3_128_digest


def store_key(set_index: int, key: bytes) -> bytes:
    """Return the key a record is stored under: set index u16 big-endian, then the register key."""
    return set_index.to_bytes(2, "big") + key


def encode_head(stored: bytes, record: Record) -> bytes:
    """Return the head record for store key `stored`."""
    value = record.value
    body = b"".join(
        (
            _FIXED.pack(
                FORMAT,
                FLAG_LIVE if value.live else 0,
                record.ballot,
                value.write_id,
                len(value.lineage),
                len(value.data_ids),
                len(value.summary),
                len(value.head),
                len(value.inline),
            ),
            *value.lineage,
            *value.data_ids,
            value.summary,
            value.head,
        )
    )
    return body + _digest(stored + body)


def encode_inline(stored: bytes, ballot: Ballot, inline: bytes) -> bytes:
    """Return the inline record for store key `stored`."""
    return b"".join((ballot, inline, _digest(stored + ballot + inline)))


def encode_record(stored: bytes, record: Record) -> StoredBytes:
    """Return both records of a register record for store key `stored`."""
    inline = record.value.inline
    return StoredBytes(
        encode_head(stored, record),
        encode_inline(stored, record.ballot, inline) if inline else None,
    )


def decode_head(stored: bytes, raw: bytes) -> tuple[Record, int]:
    """Return the record, without inline bytes, and how many inline bytes belong to it.

    Raises
        RecordCorrupt: checksum, lengths or key do not match.
        FormatUnknown: written by a later version.
    """
    body = raw[:-_CHECKSUM_BYTES]
    if len(body) < _FIXED_BYTES or _digest(stored + body) != raw[-_CHECKSUM_BYTES:]:
        raise RecordCorrupt("A register record does not match its checksum.", key=stored[2:])
    (
        version,
        flags,
        ballot,
        write_id,
        lineage_count,
        data_count,
        summary_bytes,
        head_bytes,
        inline_bytes,
    ) = _FIXED.unpack_from(body)
    if version != FORMAT:
        raise FormatUnknown(version=version)
    lineage: tuple[WriteId, ...] = ()
    data_ids: tuple[DataId, ...] = ()
    at = _FIXED_BYTES
    if lineage_count:
        lineage = tuple(
            WriteId(body[at + i * _ID_BYTES : at + (i + 1) * _ID_BYTES])
            for i in range(lineage_count)
        )
        at += lineage_count * _ID_BYTES
    if data_count:
        data_ids = tuple(
            DataId(body[at + i * _ID_BYTES : at + (i + 1) * _ID_BYTES]) for i in range(data_count)
        )
        at += data_count * _ID_BYTES
    middle = at + summary_bytes
    end = middle + head_bytes
    if end != len(body):
        raise RecordCorrupt("A register record has wrong lengths.", key=stored[2:])
    value = Value(
        WriteId(write_id),
        bool(flags & FLAG_LIVE),
        body[at:middle],
        body[middle:end],
        b"",
        data_ids,
        lineage,
    )
    return Record(Ballot(ballot), value), inline_bytes


def decode_inline(stored: bytes, raw: bytes, ballot: Ballot, size_bytes: int) -> bytes:
    """Return the inline bytes that belong to the head record at `ballot`.

    Raises
        RecordCorrupt: checksum, key, ballot or length do not match.
    """
    body = raw[:-_CHECKSUM_BYTES]
    if _digest(stored + body) != raw[-_CHECKSUM_BYTES:]:
        raise RecordCorrupt("Inline bytes do not match their checksum.", key=stored[2:])
    if body[:16] != ballot or len(body) != 16 + size_bytes:
        raise RecordCorrupt("Inline bytes belong to another record.", key=stored[2:])
    return body[16:]


def decode_rows(found: Iterable[tuple[bytes, bytes]]) -> list[Row]:
    """Return what a listing needs of head records: (store key, raw record) each, in one pass.

    Raises
        RecordCorrupt, FormatUnknown: as `decode_head`, for the first record that is wrong.
    """
    rows: list[Row] = []
    # This loop runs for every row of every listing on each drive asked: no calls that it can spare.
    digest, unpack, append = _digest, _ROW.unpack_from, rows.append
    for stored, raw in found:
        body = raw[:-_CHECKSUM_BYTES]
        if len(body) < _FIXED_BYTES or not raw.endswith(digest(stored + body)):
            raise RecordCorrupt("A register record does not match its checksum.", key=stored[2:])
        version, flags, ballot, lineage_count, data_count, summary_bytes = unpack(body)
        if version != FORMAT:
            raise FormatUnknown(version=version)
        start = _FIXED_BYTES + (lineage_count + data_count) * _ID_BYTES
        live = flags & FLAG_LIVE == FLAG_LIVE
        append(Row(stored[_SET_BYTES:], ballot, live, body[start : start + summary_bytes]))
    return rows
