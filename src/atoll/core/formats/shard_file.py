"""Shards as a drive stores them in files, format 1: a header, then framed blocks.

Owns      the header (shared with `packed_shard`), the frame of a block, file names and offsets.
Layout    docs/formats/shard-file.md; big-endian.
Bound to  its place: the checksum of a block is seeded with set, data id, shard index and block
          number, so a stale, copied or misplaced block is as bad as a flipped bit.
Frames    checksum and block lie side by side, so one contiguous read or write moves many blocks.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
import xxhash

from atoll.base.errors import FormatUnknown, RecordCorrupt
from atoll.base.ids import DataId

MAGIC: Final = b"ATOLSHRD"
FORMAT: Final = 1
#: The header's room in a file: one page, so that blocks begin on one and a header never moves.
HEADER_BYTES: Final = 4096
CHECKSUM_BYTES: Final = 16
#: Longest owner key that fits the header's room.
OWNER_KEY_BYTES_MAX: Final = 2048
FANOUT: Final = 256

#: magic, format u16, key length u16, data u8, parity u8, index u16, set u32, stripe bytes u32,
#: data bytes u64, data id. The key and a checksum over everything before it follow.
_FIXED: Final = struct.Struct(">8sHHBBHIIQ16s")
_PLACE: Final = struct.Struct(">16sIH")
#: Odd, so that block numbers give distinct seeds; the golden ratio, so that they differ in all
#: bits.
_SEED_STEP: Final = 0x9E3779B97F4A7C15
_U64: Final = (1 << 64) - 1

_digest = xxhash.xxh3_128_digest

Block = bytes | memoryview


class ShardHeader(msgspec.Struct, frozen=True, array_like=True):
    """What a shard says of itself: its owner, its place and the geometry of its data."""

    set_index: int
    key: bytes
    data_id: DataId
    index: int
    data: int
    parity: int
    stripe_bytes: int
    data_bytes: int


def encode_header(header: ShardHeader) -> bytes:
    """Return a header with its checksum, without padding."""
    assert len(header.key) <= OWNER_KEY_BYTES_MAX, "the owner key does not fit a shard header"
    body = (
        _FIXED.pack(
            MAGIC,
            FORMAT,
            len(header.key),
            header.data,
            header.parity,
            header.index,
            header.set_index,
            header.stripe_bytes,
            header.data_bytes,
            header.data_id,
        )
        + header.key
    )
    return body + _digest(body)


def decode_header(raw: bytes | memoryview) -> tuple[ShardHeader, int]:
    """Return the header at the beginning of `raw`, and its length.

    Raises
        RecordCorrupt: magic, lengths, geometry or checksum are wrong.
        FormatUnknown: written by a later version.
    """
    if len(raw) < _FIXED.size or bytes(raw[:8]) != MAGIC:
        raise RecordCorrupt("A shard header is damaged.")
    _, version, key_bytes, data, parity, index, set_index, stripe_bytes, data_bytes, data_id = (
        _FIXED.unpack_from(raw)
    )
    if version != FORMAT:
        raise FormatUnknown("A shard has an unknown format.", version=version)
    end = _FIXED.size + key_bytes
    if bytes(raw[end : end + CHECKSUM_BYTES]) != _digest(raw[:end]):
        raise RecordCorrupt("A shard header does not match its checksum.")
    if data < 1 or index >= data + parity or stripe_bytes < 1:
        raise RecordCorrupt("A shard header has an impossible geometry.")
    key = bytes(raw[_FIXED.size : end])
    header = ShardHeader(
        set_index, key, DataId(data_id), index, data, parity, stripe_bytes, data_bytes
    )
    return header, end + CHECKSUM_BYTES


def frame_offset(block: int, block_bytes: int, /) -> int:
    """Return where in a shard file the frame of a block begins; blocks before it are whole."""
    return HEADER_BYTES + block * (CHECKSUM_BYTES + block_bytes)


class BlockFrames:
    """Frames of the blocks of one shard."""

    __slots__ = ("_base",)

    def __init__(self, set_index: int, data_id: bytes, index: int) -> None:
        self._base: int = xxhash.xxh3_64_intdigest(_PLACE.pack(data_id, set_index, index))

    def checksum(self, number: int, block: Block) -> bytes:
        """Return the checksum of a block, bound to its number."""
        return _digest(block, (self._base + number * _SEED_STEP) & _U64)

    def wrap(self, first: int, blocks: Iterable[Block]) -> list[Block]:
        """Return blocks from number `first` on, each behind its checksum; nothing is copied."""
        pieces: list[Block] = []
        for number, block in enumerate(blocks, first):
            pieces.append(self.checksum(number, block))
            pieces.append(block)
        return pieces

    def unwrap(
        self, first: int, raw: bytes, sizes: Sequence[int], *, start: int = 0
    ) -> list[memoryview | None]:
        """Return views of the blocks framed in `raw` at `start`, from number `first` on.

        A block that does not match its checksum, or is cut off, is None.
        """
        blocks: list[memoryview | None] = []
        view = memoryview(raw)
        for number, size in enumerate(sizes, first):
            middle = start + CHECKSUM_BYTES
            end = middle + size
            block = view[middle:end]
            is_right = len(block) == size and raw[start:middle] == self.checksum(number, block)
            blocks.append(block if is_right else None)
            start = end
        return blocks


def file_name(set_index: int, data_id: bytes, index: int) -> str:
    """Return the path of a shard below the shards directory.

    The data id's last byte is random, so it spreads files evenly over the directories.
    """
    return f"{data_id[-1]:02x}/{data_id.hex()}.{set_index:04x}.{index:02x}"


def parse_file_name(name: str) -> tuple[int, DataId, int] | None:
    """Return set, data id and index of a file name without its directory; None: not a shard."""
    pieces = name.split(".")
    if len(pieces) != 3 or len(pieces[0]) != 32:
        return None
    try:
        data_id = DataId(bytes.fromhex(pieces[0]))
        set_index, index = int(pieces[1], 16), int(pieces[2], 16)
    except ValueError:
        return None
    if file_name(set_index, data_id, index).rpartition("/")[2] != name:
        return None
    return set_index, data_id, index
