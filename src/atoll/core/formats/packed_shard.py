"""A small shard in the drive's database, format 1: a listing row and a body row.

Owns      keys and values of packed shards in the table of shards. The body is the header of a shard
          file and its framed blocks; the listing row is the header alone, so that walking the
          shards of a drive does not read their bytes.
Layout    docs/formats/packed-shard.md
Pair      both rows are written and removed in one atomic commit.
Key       begins with the set, so that the shards of a set are one ordered stream, oldest data
          first.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

from atoll.base.errors import RecordCorrupt
from atoll.base.ids import DataId
from atoll.core.formats.shard_file import Block, BlockFrames, ShardHeader, encode_header

KEY_BYTES: Final = 20


class Row(IntEnum):
    """Which of the two rows of a packed shard a key names."""

    LISTING = 0
    BODY = 1


def packed_key(row: Row, set_index: int, data_id: bytes, index: int) -> bytes:
    """Return the key of a row: set u16, row u8, data id, shard index u8."""
    return b"".join(
        (set_index.to_bytes(2, "big"), row.to_bytes(1, "big"), data_id, index.to_bytes(1, "big"))
    )


def parse_packed_key(key: bytes) -> tuple[Row, int, DataId, int]:
    """Return row, set, data id and index of a key.

    Raises
        RecordCorrupt: the key is not one of a packed shard.
    """
    if len(key) != KEY_BYTES or key[2] > Row.BODY:
        raise RecordCorrupt("The key of a packed shard is damaged.", key=key)
    return Row(key[2]), int.from_bytes(key[:2], "big"), DataId(key[3:19]), key[19]


def encode_packed(header: ShardHeader, blocks: Sequence[Block]) -> tuple[bytes, bytes]:
    """Return the values of listing row and body row."""
    frames = BlockFrames(header.set_index, header.data_id, header.index)
    listed = encode_header(header)
    return listed, b"".join((listed, *frames.wrap(0, blocks)))
