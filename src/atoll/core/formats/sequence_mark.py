"""The sequence mark, format 1: how far the log of a drive's database must reach.

Owns      the content of the file `sequence` beside the database.
Does not  say when it is written (drives.rocks).
Source    docs/formats/sequence-mark.md
"""

from __future__ import annotations

import struct
from typing import Final

import xxhash

from atoll.base.errors import FormatUnknown, RecordCorrupt

MAGIC: Final = b"ATOLMARK"
FORMAT: Final = 1
#: magic, format u16, sequence number u64. A checksum over them follows.
_FIXED: Final = struct.Struct(">8sHQ")

_digest = xxhash.xxh3_128_digest


def encode_mark(sequence: int) -> bytes:
    """Return the file's content for a sequence number."""
    body = _FIXED.pack(MAGIC, FORMAT, sequence)
    return body + _digest(body)


def decode_mark(raw: bytes) -> int:
    """Return the sequence number.

    Raises
        RecordCorrupt: magic, length or checksum are wrong.
        FormatUnknown: written by a later version.
    """
    body, checksum = raw[:-16], raw[-16:]
    if body[:8] != MAGIC or len(body) < 10 or _digest(body) != checksum:
        raise RecordCorrupt("The database's sequence mark is damaged.")
    version = int.from_bytes(body[8:10], "big")
    if version != FORMAT:
        raise FormatUnknown("The sequence mark has an unknown format.", version=version)
    if len(body) != _FIXED.size:
        raise RecordCorrupt("The database's sequence mark has a wrong length.")
    sequence: int = _FIXED.unpack(body)[2]
    return sequence
