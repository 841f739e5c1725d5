"""Shards in memory: the second implementation of `ShardDrive`, for tests and the simulation.

Owns      the same framed bytes that a real drive stores, so that a test can damage them and
          verification finds it.
Durable   a shard is there when its answer is; a sink leaves nothing before its commit.
Full      with `capacity_bytes`, puts and writes beyond it raise DriveFull, deletes always work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from atoll.base.errors import DriveFault, DriveFull, ShardMissing
from atoll.core.formats.packed_shard import Row, encode_packed, packed_key
from atoll.core.formats.shard_file import HEADER_BYTES, BlockFrames, decode_header, frame_offset
from atoll.drives.contract import PackedShard, ShardAddress, ShardInfo, ShardShape
from atoll.drives.shards.header import check_header, make_geometry, make_header, split_header

T = TypeVar("T")


class MemoryShards:
    """Shards in a dictionary. `bodies` maps the key of a shard to header and frames."""

    def __init__(self, capacity_bytes: int | None = None) -> None:
        self.bodies: dict[bytes, bytes] = {}
        self._packed: set[bytes] = set()
        self._capacity_bytes = capacity_bytes

    def put_shards(self, shards: Sequence[PackedShard]) -> asyncio.Future[None]:
        """Store small shards."""
        try:
            for shard in shards:
                self.keep(shard.address, shard.shape, shard.blocks, is_packed=True)
        except DriveFault as exc:
            return _failed(exc)
        return _done(None)

    def open_sink(self, address: ShardAddress, shape: ShardShape) -> asyncio.Future[MemorySink]:
        """Start a shard."""
        return _done(MemorySink(self, address, shape))

    def read_blocks(
        self, address: ShardAddress, shape: ShardShape, blocks: range
    ) -> asyncio.Future[list[bytes | memoryview | None]]:
        """Read and verify blocks."""
        body = self.bodies.get(shard_key(address))
        if body is None:
            return _failed(ShardMissing(index=address.index))
        try:
            start = check_header(body, address, shape) - HEADER_BYTES
        except DriveFault as exc:
            return _failed(exc)
        geometry = make_geometry(shape)
        start += frame_offset(blocks.start, geometry.block_bytes)
        sizes = [geometry.block_size(stripe) for stripe in blocks]
        frames = BlockFrames(address.set_index, address.data_id, address.index)
        return _done(list(frames.unwrap(blocks.start, body, sizes, start=start)))

    def list_shards(
        self, after: bytes, limit: int
    ) -> asyncio.Future[tuple[list[ShardInfo], bytes]]:
        """List shards by set and data id."""
        behind = sorted(key for key in self.bodies if key > after)
        found: list[ShardInfo] = []
        for key in behind[:limit]:
            body = self.bodies[key]
            address, shape = split_header(decode_header(body)[0])
            found.append(ShardInfo(address, shape, len(body), key in self._packed))
        return _done((found, behind[limit - 1] if len(behind) > limit else b""))

    def delete_shard(self, address: ShardAddress) -> asyncio.Future[None]:
        """Remove a shard; absent is success."""
        self.bodies.pop(shard_key(address), None)
        self._packed.discard(shard_key(address))
        return _done(None)

    def keep(
        self,
        address: ShardAddress,
        shape: ShardShape,
        blocks: Sequence[bytes | memoryview],
        *,
        is_packed: bool,
    ) -> None:
        """Store a whole shard. Raises DriveFull."""
        body = encode_packed(make_header(address, shape), blocks)[1]
        self.check_room(len(body))
        key = shard_key(address)
        self.bodies[key] = body
        if is_packed:
            self._packed.add(key)

    def check_room(self, wanted_bytes: int) -> None:
        """Raise DriveFull when so many more bytes do not fit."""
        held = sum(len(body) for body in self.bodies.values())
        if self._capacity_bytes is not None and held + wanted_bytes > self._capacity_bytes:
            raise DriveFull(free_bytes=self._capacity_bytes - held)


class MemorySink:
    """A shard being written to memory."""

    def __init__(self, store: MemoryShards, address: ShardAddress, shape: ShardShape) -> None:
        self._store = store
        self._address = address
        self._shape = shape
        self._blocks: list[bytes] = []
        self._has_ended = False

    def write(self, blocks: Sequence[bytes | memoryview]) -> asyncio.Future[None]:
        """Append blocks."""
        assert not self._has_ended, "the sink has ended"
        self._blocks += [bytes(block) for block in blocks]
        try:
            self._store.check_room(sum(len(block) for block in self._blocks))
        except DriveFull as exc:
            return _failed(exc)
        return _done(None)

    def commit(self, data_bytes: int) -> asyncio.Future[None]:
        """Make the shard visible."""
        if not self._has_ended:
            shape = msgspec.structs.replace(self._shape, data_bytes=data_bytes)
            assert len(self._blocks) == make_geometry(shape).stripes, "a block is missing"
            try:
                self._store.keep(self._address, shape, self._blocks, is_packed=False)
            except DriveFull as exc:
                return _failed(exc)
        self._has_ended = True
        return _done(None)

    def abort(self) -> asyncio.Future[None]:
        """Forget the shard, unless it was committed."""
        self._has_ended = True
        self._blocks = []
        return _done(None)


def shard_key(address: ShardAddress) -> bytes:
    """Return the key of a shard in `MemoryShards.bodies`."""
    return packed_key(Row.BODY, address.set_index, address.data_id, address.index)


def _done(answer: T) -> asyncio.Future[T]:
    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    future.set_result(answer)
    return future


def _failed(fault: DriveFault) -> asyncio.Future[T]:
    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    future.set_exception(fault)
    return future
