"""Packed shards in a drive's database: read, list and encode.

Owns      the rows of the table of shards.
Does not  commit: puts go through the drive's group commit, so that a small object's shard and its
          register record share one sync with everybody else's.
Tasks     everything here may block and is called in the drive's threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from atoll.base.errors import Damaged, ShardCorrupt
from atoll.core.formats.packed_shard import Row, encode_packed, packed_key, parse_packed_key
from atoll.core.formats.shard_file import (
    HEADER_BYTES,
    BlockFrames,
    decode_header,
    frame_offset,
)
from atoll.drives.contract import PackedShard, ShardAddress, ShardInfo, ShardShape
from atoll.drives.kv import OrderedKv, Put, Table
from atoll.drives.shards.header import (
    check_header,
    framed_bytes,
    make_geometry,
    make_header,
    split_header,
)

_END: Final = b"\xff" * 32


class ShardRows:
    """The packed shards of one drive."""

    def __init__(self, kv: OrderedKv) -> None:
        self._kv = kv

    def encode(self, shards: Sequence[PackedShard]) -> list[Put]:
        """Return the puts that store shards."""
        puts: list[Put] = []
        for shard in shards:
            header = make_header(shard.address, shard.shape)
            listed, body = encode_packed(header, shard.blocks)
            place = (header.set_index, header.data_id, header.index)
            puts.append(Put(Table.SHARDS, packed_key(Row.LISTING, *place), listed))
            puts.append(Put(Table.SHARDS, packed_key(Row.BODY, *place), body))
        return puts

    def read(
        self, address: ShardAddress, shape: ShardShape, blocks: range
    ) -> list[memoryview | None] | None:
        """Return verified blocks of a shard; None where it is not packed here.

        Raises
            ShardCorrupt: the row is damaged or belongs to other data.
        """
        key = packed_key(Row.BODY, address.set_index, address.data_id, address.index)
        try:
            body = self._kv.get(Table.SHARDS, key)
        except Damaged as exc:
            raise ShardCorrupt(data_id=address.data_id, reason=str(exc)) from exc
        if body is None:
            return None
        geometry = make_geometry(shape)
        start = check_header(body, address, shape) - HEADER_BYTES
        start += frame_offset(blocks.start, geometry.block_bytes)
        frames = BlockFrames(address.set_index, address.data_id, address.index)
        sizes = [geometry.block_size(stripe) for stripe in blocks]
        return frames.unwrap(blocks.start, body, sizes, start=start)

    def removal(self, set_index: int, data_id: bytes, indexes: Sequence[int]) -> list[Put]:
        """Return the puts that remove those of the shards that are here."""
        puts: list[Put] = []
        for index in indexes:
            listing = packed_key(Row.LISTING, set_index, data_id, index)
            if self._kv.get(Table.SHARDS, listing) is not None:
                body = packed_key(Row.BODY, set_index, data_id, index)
                puts += [Put(Table.SHARDS, listing, None), Put(Table.SHARDS, body, None)]
        return puts

    def page(self, after: bytes, limit: int) -> tuple[list[ShardInfo], bytes]:
        """Return shards behind the listing key `after`, and the last key; empty at the end.

        A row that is damaged is shown with an empty owner key and a shape of zeros.
        """
        found: list[ShardInfo] = []
        cursor = self._kv.seekable(Table.SHARDS, _END)
        cursor.seek(after + b"\0" if after else b"")
        while (item := cursor.item()) is not None:
            key, listed = item
            row, set_index, data_id, index = parse_packed_key(key)
            if row is Row.BODY:
                # The listing rows of the next set lie behind all bodies of this one.
                cursor.seek((set_index + 1).to_bytes(3, "big")[1:])
                continue
            found.append(_describe(ShardAddress(set_index, b"", data_id, index), listed))
            if len(found) == limit:
                return found, key
            cursor.advance()
        return found, b""


def _describe(place: ShardAddress, listed: bytes) -> ShardInfo:
    try:
        header, header_bytes = decode_header(listed)
    except Damaged:
        return ShardInfo(place, ShardShape(0, 0, 0, 0), len(listed), is_packed=True)
    address, shape = split_header(header)
    return ShardInfo(address, shape, header_bytes + framed_bytes(shape), is_packed=True)
