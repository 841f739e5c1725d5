"""A small shard as one database value, format 1: the header of a shard file, then its framed blocks.

Owns      the key and the value of a packed shard in the table of shards.
Layout    docs/formats/packed-shard.md
Key       begins with the set, so that the shards of a set are one ordered stream, oldest data first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from atoll.base.errors import RecordCorrupt
from atoll.base.ids import DataId
from atoll.core.formats.shard_file import (
    Block,
    BlockFrames,
    ShardHeader,
    decode_header,
    encode_header,
)

KEY_BYTES: Final = 19


def packed_key(set_index: int, data_id: bytes, index: int) -> bytes:
    """Return the key of a packed shard: set u16, data id, index u8."""
    return set_index.to_bytes(2, "big") + data_id + index.to_bytes(1, "big")


def parse_packed_key(key: bytes) -> tuple[int, DataId, int]:
    """Return set, data id and index of a key.

    Raises
        RecordCorrupt: the key has another length.
    """
    if len(key) != KEY_BYTES:
        raise RecordCorrupt("The key of a packed shard is damaged.", key=key)
    return int.from_bytes(key[:2], "big"), DataId(key[2:18]), key[18]


def encode_packed(header: ShardHeader, blocks: Sequence[Block]) -> bytes:
    """Return the value of a packed shard."""
    frames = BlockFrames(header.set_index, header.data_id, header.index)
    return b"".join((encode_header(header), *frames.wrap(0, blocks)))


def decode_packed(raw: bytes) -> tuple[ShardHeader, int]:
    """Return the header of a packed shard and where its first frame begins.

    Raises
        RecordCorrupt: the header is damaged.
        FormatUnknown: written by a later version.
    """
    return decode_header(raw)
