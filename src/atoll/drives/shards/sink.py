"""One shard file being written: staged, synced, then named.

Owns      the write order of a shard file, and its file descriptor until it ends.
Order     blocks → header → fdatasync → rename into place → fsync of the directory. A name in the
          shards directory is therefore always a whole file; what a crash leaves before the rename
          lies in the staging directory, which is emptied at the next start.
Tasks     called on the loop; jobs run in the drive's threads, at offsets given out on the loop, so
          several writes may be under way. `commit` and `abort` wait for them.
Errors    see `store`; a failed sink only answers `abort`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from atoll.base.errors import DriveFault, DriveIo, DriveSlow
from atoll.core.erasure.geometry import Geometry
from atoll.core.formats.shard_file import (
    CHECKSUM_BYTES,
    HEADER_BYTES,
    Block,
    BlockFrames,
    ShardHeader,
    encode_header,
)
from atoll.drives.directories import sync_directory
from atoll.drives.io import WorkThreads, drive_fault
from atoll.drives.reserve import Room
from atoll.drives.shards.writeback import STEP_BYTES, Writeback

T = TypeVar("T")

#: Linux `IOV_MAX`: buffers of one gathering write.
_BUFFERS_MAX: Final = 1024


class SinkPlace(msgspec.Struct, frozen=True):
    """Where a shard file is staged and where it goes."""

    staged: Path
    final: Path


class SinkDoor(msgspec.Struct, frozen=True):
    """What a sink needs of its drive.

    `on_io_error` is called on the loop when a write or sync failed; `on_end`, from a thread, when
    the sink's file descriptor is given back. `check` raises the fault of a drive that takes no
    shards any more.
    """

    threads: WorkThreads
    room: Room
    writeback: Writeback
    on_io_error: Callable[[DriveFault], None]
    on_end: Callable[[], None]
    check: Callable[[], None]


class FileSink:
    """The `ShardSink` of a file."""

    def __init__(
        self,
        *,
        header: ShardHeader,
        place: SinkPlace,
        door: SinkDoor,
        loop: asyncio.AbstractEventLoop,
        file: int,
        allocated: int,
    ) -> None:
        self._header = header
        self._place = place
        self._door = door
        self._frames = BlockFrames(header.set_index, header.data_id, header.index)
        self._file = file
        #: Bytes of the file whose room is taken already.
        self._allocated = allocated
        self._blocks = 0
        self._offset = HEADER_BYTES
        #: Write-back of the file's bytes below this was begun.
        self._begun = 0
        self._loop = loop
        #: Guards `_running`, the number of writes queued or under way.
        self._quiet = threading.Condition()
        self._running = 0
        #: Held by the job that ends the file, so that a commit under way is not closed by an abort.
        self._ending = threading.Lock()
        self._fault: DriveFault | None = None
        self._commit: asyncio.Future[None] | None = None
        self._abort: asyncio.Future[None] | None = None

    def write(self, blocks: Sequence[Block]) -> asyncio.Future[None]:
        """Append blocks in stripe order."""
        assert self._commit is None, "the sink was committed"
        assert self._abort is None, "the sink was aborted"
        first, offset = self._blocks, self._offset
        size = sum(len(block) for block in blocks) + CHECKSUM_BYTES * len(blocks)
        self._blocks += len(blocks)
        self._offset += size

        def job() -> None:
            try:
                self._check_fault()
                self._guard(lambda: self._write_frames(first, blocks, offset, size))
            finally:
                self._one_less()

        with self._quiet:
            self._running += 1
        try:
            return self._door.threads.run(job)
        except DriveSlow:
            self._one_less()
            raise

    def commit(self, data_bytes: int) -> asyncio.Future[None]:
        """Make the shard durable and visible under its name."""
        assert self._abort is None, "the sink was aborted"
        if self._commit is None:
            self._door.check()
            header = msgspec.structs.replace(self._header, data_bytes=data_bytes)
            _assert_whole(header, self._blocks, self._offset)

            def job() -> None:
                self._wait_quiet()
                with self._ending:
                    self._check_fault()
                    self._guard(lambda: self._finish(header))

            self._commit = self._door.threads.run(job)
        return self._commit

    def abort(self) -> asyncio.Future[None]:
        """Forget the shard, unless it was committed. Never raises."""
        if self._abort is None:
            try:
                self._abort = self._door.threads.run(self._forget)
            except DriveSlow:
                # The drive takes no jobs. The staged file stays until the drive is opened again.
                self._abort = self._loop.create_future()
                self._abort.set_result(None)
        return self._abort

    # ── in the drive's threads ────────────────────────────────────────────────────────────────

    def _write_frames(self, first: int, blocks: Sequence[Block], offset: int, size: int) -> None:
        if offset + size > self._allocated:
            self._door.room.check(size)
        pieces = self._frames.wrap(first, blocks)
        for start in range(0, len(pieces), _BUFFERS_MAX):
            offset = _write_all(self._file, pieces[start : start + _BUFFERS_MAX], offset)
        # Writes of one sink may overlap; a range begun twice or not at all costs time only.
        if offset - self._begun >= STEP_BYTES:
            begun, self._begun = self._begun, offset
            self._door.writeback.begin(self._file, start=begun, size_bytes=offset - begun)

    def _finish(self, header: ShardHeader) -> None:
        if self._file < 0:
            raise DriveSlow("The shard was given up before its commit began.")
        raw = encode_header(header).ljust(HEADER_BYTES, b"\0")
        _write_all(self._file, [raw], 0)
        if self._allocated > self._offset:
            os.ftruncate(self._file, self._offset)
        os.fdatasync(self._file)
        os.rename(self._place.staged, self._place.final)
        self._close_file()
        sync_directory(self._place.final.parent)

    def _forget(self) -> None:
        self._wait_quiet()
        with self._ending:
            if self._file < 0:
                return
            # A drive that fails keeps the staged file; the next start empties the directory.
            with contextlib.suppress(OSError):
                self._close_file()
            with contextlib.suppress(OSError):
                os.unlink(self._place.staged)

    def _close_file(self) -> None:
        file, self._file = self._file, -1
        self._door.on_end()
        os.close(file)

    def _guard(self, work: Callable[[], T]) -> T:
        """Do disk work; a failure fails the sink, an I/O error is told to the drive."""
        try:
            return work()
        except OSError as exc:
            self._fault = drive_fault(exc)
            if isinstance(self._fault, DriveIo):
                # Without a loop the process is ending, and nobody is left to tell.
                with contextlib.suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(self._door.on_io_error, self._fault)
            raise self._fault from exc
        except DriveFault as exc:
            self._fault = exc
            raise

    def _check_fault(self) -> None:
        if self._fault is not None:
            raise self._fault

    def _one_less(self) -> None:
        with self._quiet:
            self._running -= 1
            self._quiet.notify_all()

    def _wait_quiet(self) -> None:
        # Jobs start in the order they were queued, so the writes waited for are under way in other
        # threads: waiting here cannot keep them from running.
        with self._quiet:
            self._quiet.wait_for(lambda: self._running == 0)


def _assert_whole(header: ShardHeader, blocks: int, end: int, /) -> None:
    """Check that the blocks written are those of `data_bytes`."""
    shape = Geometry(header.data, header.parity, header.stripe_bytes, header.data_bytes)
    expected = HEADER_BYTES + shape.shard_bytes + CHECKSUM_BYTES * shape.stripes
    assert (blocks, end) == (shape.stripes, expected), (
        f"shard of {shape} has {blocks} blocks and ends at {end}, expected {expected}"
    )


def _write_all(file: int, pieces: Sequence[Block], offset: int, /) -> int:
    """Write buffers at an offset, however few the kernel takes at once; return where they end."""
    left = list(pieces)
    while left:
        taken = os.pwritev(file, left, offset)
        offset += taken
        while left and taken >= len(left[0]):
            taken -= len(left.pop(0))
        if taken:
            left[0] = memoryview(left[0])[taken:]
    return offset
