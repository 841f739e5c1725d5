"""Drive facts, format 1: what an acceptor must never forget, besides records.

Owns      keys and values of the table of facts: one kind of fact, one struct, one byte.
Does not  say what is known in memory or when a fact is stored (drives.facts, drives.acceptor).
Bound to  its key: the checksum covers it.
Source    docs/formats/drive-facts.md; big-endian.
"""

from __future__ import annotations

import struct
from typing import Final, assert_never

import msgspec
import xxhash

from atoll.base.errors import FormatUnknown, RecordCorrupt
from atoll.base.ids import Ballot

FORMAT: Final = 1

_CHECKSUM_BYTES: Final = 16
_BALLOT_BYTES: Final = 16
_VERSION_BYTE: Final = bytes((FORMAT,))
_SET: Final = struct.Struct(">H")
_SET_PROPOSER: Final = struct.Struct(">HQ")
_U64: Final = struct.Struct(">Q")
_SEAL: Final = struct.Struct(">QB")

_digest = xxhash.xxh3_128_digest


class Floor(msgspec.Struct, frozen=True, array_like=True):
    """Every ballot whose clock is at or below it may have been promised."""

    clock: int


class Horizon(msgspec.Struct, frozen=True, array_like=True):
    """Every ballot at or below it counts as promised for keys without a record."""

    ballot: Ballot


class Epoch(msgspec.Struct, frozen=True, array_like=True):
    """The newest map epoch that the drive was told."""

    epoch: int


class Owner(msgspec.Struct, frozen=True, array_like=True):
    """Id of the drive whose promises the database holds."""

    drive_id: str


class Seal(msgspec.Struct, frozen=True, array_like=True):
    """Keys below `prefix` that saw an owner epoch at or below `epoch` may not become live."""

    set_index: int
    prefix: bytes
    epoch: int
    lifted: bool


class Watermark(msgspec.Struct, frozen=True, array_like=True):
    """Below it no ballot of the proposer is open in the set."""

    set_index: int
    proposer: int
    clock: int


class Copied(msgspec.Struct, frozen=True, array_like=True):
    """The drive is being rebuilt and holds the keys of the set that lie before `until`."""

    set_index: int
    until: bytes


Fact = Floor | Horizon | Epoch | Owner | Seal | Watermark | Copied


def encode_fact(fact: Fact) -> tuple[bytes, bytes]:
    """Return the key and the value of a fact."""
    key, body = _encode(fact)
    checked = _VERSION_BYTE + body
    return key, checked + _digest(key + checked)


def decode_fact(key: bytes, value: bytes, /) -> Fact:
    """Return the fact of a row.

    Raises
        RecordCorrupt: checksum or lengths are wrong, or there is no such kind.
        FormatUnknown: written by a later version.
    """
    checked = value[:-_CHECKSUM_BYTES]
    if not checked or _digest(key + checked) != value[-_CHECKSUM_BYTES:]:
        raise RecordCorrupt("A drive fact does not match its checksum.", key=key)
    if checked[0] != FORMAT:
        raise FormatUnknown("A drive fact has an unknown format.", version=checked[0])
    try:
        return _decode(key, checked[1:])
    except (struct.error, UnicodeDecodeError) as exc:
        raise RecordCorrupt("A drive fact has a wrong length.", key=key) from exc


def _encode(fact: Fact) -> tuple[bytes, bytes]:
    match fact:
        case Floor(clock):
            return b"f", _U64.pack(clock)
        case Horizon(ballot):
            return b"h", ballot
        case Epoch(epoch):
            return b"e", _U64.pack(epoch)
        case Owner(drive_id):
            return b"o", drive_id.encode("ascii")
        case Seal(set_index, prefix, epoch, lifted):
            return b"s" + _SET.pack(set_index) + prefix, _SEAL.pack(epoch, lifted)
        case Watermark(set_index, proposer, clock):
            return b"w" + _SET_PROPOSER.pack(set_index, proposer), _U64.pack(clock)
        case Copied(set_index, until):
            return b"c" + _SET.pack(set_index), until
        case _:
            assert_never(fact)


def _decode(key: bytes, body: bytes) -> Fact:
    kind, rest = key[:1], key[1:]
    if kind in (b"f", b"h", b"e", b"o") and rest:
        raise RecordCorrupt("The key of a drive fact has a wrong length.", key=key)
    match kind:
        case b"f":
            return Floor(_U64.unpack(body)[0])
        case b"h" if len(body) == _BALLOT_BYTES:
            return Horizon(Ballot(body))
        case b"e":
            return Epoch(_U64.unpack(body)[0])
        case b"o":
            return Owner(body.decode("ascii"))
        case b"s":
            epoch, lifted = _SEAL.unpack(body)
            return Seal(_SET.unpack(rest[:2])[0], rest[2:], epoch, bool(lifted))
        case b"w":
            set_index, proposer = _SET_PROPOSER.unpack(rest)
            return Watermark(set_index, proposer, _U64.unpack(body)[0])
        case b"c":
            return Copied(_SET.unpack(rest)[0], body)
        case _:
            raise RecordCorrupt("A drive fact has an unknown kind or a wrong length.", key=key)
