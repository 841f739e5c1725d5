"""The shards of one drive: files in a storage directory, small ones packed in the database.

Owns      the shard verbs of the Drive contract over `files`, `rows` and `sink`.
Does not  know registers: who asks to delete has proven that no chosen value names the data.
Choice    data up to PACKED_BYTES_MAX is packed, larger data has files; whoever rebuilds a shard
          keeps to it.
Errors    every failure is a DriveFault. EIO while writing or syncing is also told to `on_io_error`,
          because after it memory and medium differ. A drive with such a fault stores nothing more;
          it still shows blocks, which are verified one by one.
Bounds    at most SINKS_MAX shards are being written, each holding one file descriptor.
Source    docs/design/shards.md
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from atoll.base.errors import DriveFault, DriveSlow, StoreError
from atoll.base.limits import PACKED_BYTES_MAX
from atoll.core.formats.shard_file import HEADER_BYTES
from atoll.core.quorum.sizes import SET_DRIVES_MAX
from atoll.drives.contract import PackedShard, ShardAddress, ShardInfo, ShardShape
from atoll.drives.group_commit import GroupCommit
from atoll.drives.io import WorkThreads
from atoll.drives.kv import OrderedKv, Put
from atoll.drives.reserve import Room
from atoll.drives.shards.files import ShardFiles
from atoll.drives.shards.header import framed_bytes, make_header
from atoll.drives.shards.rows import ShardRows
from atoll.drives.shards.sink import FileSink, SinkDoor, SinkPlace
from atoll.drives.shards.writeback import Writeback

SINKS_MAX: Final = 512
#: Packed shards up to this size are encoded on the loop: cheaper than a hand-off to a thread.
_ENCODE_INLINE_BYTES_MAX: Final = 64 * 1024
#: Cursor marks of `list_shards`: packed shards come first.
_ROWS: Final = b"r"
_FILES: Final = b"f"


class ShardStore:
    """Shards on a file system and in a database."""

    def __init__(  # noqa: PLR0913 (keywords only, wired in one place)
        self,
        *,
        storage: Path,
        kv: OrderedKv,
        commits: GroupCommit,
        threads: WorkThreads,
        room: Room,
        packed_room: Room,
        on_io_error: Callable[[DriveFault], None],
        sinks_max: int = SINKS_MAX,
    ) -> None:
        self._files = ShardFiles(storage)
        self._rows = ShardRows(kv)
        self._commits = commits
        self._threads = threads
        self._room = room
        self._packed_room = packed_room
        self._door = SinkDoor(
            threads, room, Writeback(), on_io_error, self._sink_ended, self._check_fault
        )
        self._sinks = 0
        self._sinks_max = sinks_max
        self._sinks_lock = threading.Lock()
        self._sequence = 0

    async def open(self) -> None:
        """Make the directories and remove what a crash left in staging. Call once, first."""
        await self._threads.run(self._files.prepare)

    def put_shards(self, shards: Sequence[PackedShard]) -> asyncio.Future[None]:
        """Store small shards; durable when answered."""
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        size = sum(len(block) for shard in shards for block in shard.blocks)

        def encode() -> list[Put]:
            self._packed_room.check(size)
            return self._rows.encode(shards)

        if size > _ENCODE_INLINE_BYTES_MAX:
            self._threads.run(encode).add_done_callback(
                lambda encoded: self._submit_made(encoded, answer)
            )
        else:
            self._submit(encode(), answer)
        return answer

    def open_sink(self, address: ShardAddress, shape: ShardShape) -> asyncio.Future[FileSink]:
        """Start a shard file. A shard of the same address is replaced when the sink commits."""
        self._check_fault()
        with self._sinks_lock:
            if self._sinks >= self._sinks_max:
                raise DriveSlow("Too many shards are being written.", limit=self._sinks_max)
            self._sinks += 1
        self._sequence += 1
        place = self._files.place(address, self._sequence)
        loop = asyncio.get_running_loop()
        try:
            return self._threads.run(lambda: self._start_sink(address, shape, place, loop))
        except DriveSlow:
            self._sink_ended()
            raise

    def _start_sink(
        self,
        address: ShardAddress,
        shape: ShardShape,
        place: SinkPlace,
        loop: asyncio.AbstractEventLoop,
    ) -> FileSink:
        allocated = HEADER_BYTES + framed_bytes(shape) if shape.data_bytes else 0
        try:
            self._room.check(allocated)
            file = self._files.allocate(place, allocated)
        except DriveFault:
            self._sink_ended()
            raise
        header = make_header(address, shape)
        return FileSink(
            header=header, place=place, door=self._door, loop=loop, file=file, allocated=allocated
        )

    def _check_fault(self) -> None:
        if self._commits.fault is not None:
            # One sync failed, so the next one may answer well without having written.
            raise self._commits.fault

    def _sink_ended(self) -> None:
        with self._sinks_lock:
            self._sinks -= 1

    def read_blocks(
        self, address: ShardAddress, shape: ShardShape, blocks: range
    ) -> asyncio.Future[list[bytes | memoryview | None]]:
        """Read and verify blocks."""

        def read() -> list[bytes | memoryview | None]:
            found: list[memoryview | None] | None = None
            if shape.data_bytes <= PACKED_BYTES_MAX:
                found = self._rows.read(address, shape, blocks)
            if found is None:
                found = self._files.read(address, shape, blocks)
            return list(found)

        return self._threads.run(read)

    def list_shards(
        self, after: bytes, limit: int
    ) -> asyncio.Future[tuple[list[ShardInfo], bytes]]:
        """List shards: packed ones by set and data id, then files by directory and name.

        A shard whose header is damaged is listed with an empty key and a shape of zeros.
        """
        return self._threads.run(lambda: self._list(after, limit))

    def estimate_files(self) -> asyncio.Future[int]:
        """Return about how many shards are files of their own."""
        return self._threads.run(self._files.estimate)

    def _list(self, after: bytes, limit: int) -> tuple[list[ShardInfo], bytes]:
        found: list[ShardInfo] = []
        if not after.startswith(_FILES):
            found, key = self._rows.page(after[1:], limit)
            if key:
                return found, _ROWS + key
            after = _FILES
        last = after[1:].decode()
        for name in self._files.names_behind(last):
            if len(found) == limit:
                return found, _FILES + last.encode()
            info = self._files.describe(name)
            if info is not None:
                found.append(info)
            last = name
        return found, b""

    def delete_shard(self, address: ShardAddress) -> asyncio.Future[None]:
        """Remove a shard; absent is success."""
        return self._delete(address.set_index, address.data_id, (address.index,))

    def delete_data(self, set_index: int, data_id: bytes) -> asyncio.Future[None]:
        """Remove all shards of a data id, whatever their index."""
        return self._delete(set_index, data_id, range(SET_DRIVES_MAX))

    def _delete(
        self, set_index: int, data_id: bytes, indexes: Sequence[int]
    ) -> asyncio.Future[None]:
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def remove() -> list[Put]:
            for index in indexes:
                self._files.remove(set_index, data_id, index)
            return self._rows.removal(set_index, data_id, indexes)

        self._threads.run(remove).add_done_callback(lambda made: self._submit_made(made, answer))
        return answer

    def _submit_made(self, made: asyncio.Future[list[Put]], answer: asyncio.Future[None]) -> None:
        failure = made.exception()
        if failure is None:
            self._submit(made.result(), answer)
        elif not answer.done():
            answer.set_exception(failure)

    def _submit(self, puts: list[Put], answer: asyncio.Future[None]) -> None:
        def on_durable(fault: StoreError | None) -> None:
            if answer.done():
                return
            if fault is None:
                answer.set_result(None)
            else:
                answer.set_exception(fault)

        if puts:
            self._commits.submit(puts, on_durable)
        else:
            on_durable(None)
