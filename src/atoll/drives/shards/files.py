"""Shard files in a storage directory: names, reading, listing, removal.

Owns      `<storage>/shards/` (whole files under their names) and `<storage>/staging/` (files being
          written, removed at the next start).
Tasks     everything here blocks and is called in the drive's threads.
Errors    DriveFault. An I/O error while reading is a damaged block: the blocks around it are good.
Source    docs/formats/shard-file.md
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from atoll.base.errors import Damaged, DriveFault, ShardMissing
from atoll.core.formats.shard_file import (
    CHECKSUM_BYTES,
    FANOUT,
    HEADER_BYTES,
    BlockFrames,
    decode_header,
    file_name,
    frame_offset,
    parse_file_name,
)
from atoll.drives.contract import ShardAddress, ShardInfo, ShardShape
from atoll.drives.directories import sync_directory
from atoll.drives.io import drive_fault
from atoll.drives.shards.header import check_header, make_geometry, split_header
from atoll.drives.shards.sink import SinkPlace

#: Files counted one by one before the rest is estimated.
_COUNTED_MAX: Final = 10_000


class ShardFiles:
    """The shard files of one drive."""

    def __init__(self, storage: Path) -> None:
        self._shards = storage / "shards"
        self._staging = storage / "staging"

    def prepare(self) -> None:
        """Make the directories, empty staging. Idempotent."""
        try:
            for number in range(FANOUT):
                (self._shards / f"{number:02x}").mkdir(parents=True, exist_ok=True)
            self._staging.mkdir(exist_ok=True)
            for name in os.listdir(self._staging):
                os.unlink(self._staging / name)
            sync_directory(self._shards)
            sync_directory(self._shards.parent)
        except OSError as exc:
            raise drive_fault(exc) from exc

    def place(self, address: ShardAddress, sequence: int) -> SinkPlace:
        """Return where a shard is staged, under a name of its own, and where it goes."""
        name = file_name(address.set_index, address.data_id, address.index)
        staged = f"{name.rpartition('/')[2]}.{sequence}"
        return SinkPlace(self._staging / staged, self._shards / name)

    def allocate(self, place: SinkPlace, size_bytes: int) -> int:
        """Return the descriptor of a new staged file with room for `size_bytes` (0: not known).

        Raises
            DriveMissing: the staging directory is gone.
        """
        try:
            file = os.open(place.staged, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise drive_fault(exc) from exc
        try:
            if size_bytes:
                os.posix_fallocate(file, 0, size_bytes)
        except OSError as exc:
            os.close(file)
            with contextlib.suppress(OSError):
                os.unlink(place.staged)
            raise drive_fault(exc) from exc
        return file

    def read(
        self, address: ShardAddress, shape: ShardShape, blocks: range
    ) -> list[memoryview | None]:
        """Return verified blocks of a shard.

        Raises
            ShardMissing: there is no such file.
            ShardCorrupt: its header is damaged or belongs to other data.
        """
        geometry = make_geometry(shape)
        frames = BlockFrames(address.set_index, address.data_id, address.index)
        sizes = [geometry.block_size(stripe) for stripe in blocks]
        offset = frame_offset(blocks.start, geometry.block_bytes)
        with self._opened(address) as file:
            check_header(os.pread(file, HEADER_BYTES, 0), address, shape)
            try:
                raw = _read_all(file, sum(sizes) + CHECKSUM_BYTES * len(sizes), offset)
            except OSError:
                return _read_singly(file, frames, blocks, sizes, offset)
        return frames.unwrap(blocks.start, raw, sizes)

    def remove(self, set_index: int, data_id: bytes, index: int) -> None:
        """Remove a file; absent is success."""
        try:
            os.unlink(self._shards / file_name(set_index, data_id, index))
        except FileNotFoundError:
            return
        except OSError as exc:
            raise drive_fault(exc) from exc

    def names_behind(self, after: str) -> Iterator[str]:
        """Yield paths below the shards directory in order, behind `after`."""
        begin = int(after[:2], 16) if after else 0
        for number in range(begin, FANOUT):
            directory = f"{number:02x}"
            try:
                names = os.listdir(self._shards / directory)
            except OSError as exc:
                raise drive_fault(exc) from exc
            for name in sorted(names):
                path = f"{directory}/{name}"
                if path > after:
                    yield path

    def estimate(self) -> int:
        """Return about how many files there are: all, or what the first directories promise.

        Names are random, so every directory holds about the same number.
        """
        count = 0
        for number in range(FANOUT):
            try:
                count += len(os.listdir(self._shards / f"{number:02x}"))
            except OSError as exc:
                raise drive_fault(exc) from exc
            if count > _COUNTED_MAX:
                return count * FANOUT // (number + 1)
        return count

    def describe(self, path: str) -> ShardInfo | None:
        """Return what a file holds; None when it vanished or is no shard.

        A file with a damaged header is shown at the address its name tells, with an empty owner key
        and a shape of zeros.
        """
        place = parse_file_name(path.rpartition("/")[2])
        if place is None:
            return None
        set_index, data_id, index = place
        named = ShardAddress(set_index, b"", data_id, index)
        try:
            with self._opened(named) as file:
                size = os.fstat(file).st_size
                raw = os.pread(file, HEADER_BYTES, 0)
        except ShardMissing:
            return None
        except DriveFault:
            return ShardInfo(named, ShardShape(0, 0, 0, 0), 0, is_packed=False)
        try:
            address, shape = split_header(decode_header(raw)[0])
        except Damaged:
            address, shape = named, ShardShape(0, 0, 0, 0)
        if (address.set_index, address.data_id, address.index) != place:
            address, shape = named, ShardShape(0, 0, 0, 0)
        return ShardInfo(address, shape, size, is_packed=False)

    @contextlib.contextmanager
    def _opened(self, address: ShardAddress) -> Iterator[int]:
        name = file_name(address.set_index, address.data_id, address.index)
        try:
            file = os.open(self._shards / name, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as exc:
            raise ShardMissing(shard=name) from exc
        except OSError as exc:
            raise drive_fault(exc) from exc
        try:
            yield file
        except OSError as exc:
            raise drive_fault(exc) from exc
        finally:
            os.close(file)


def _read_all(file: int, size: int, offset: int, /) -> bytes:
    """Return `size` bytes at an offset, fewer at the end of the file."""
    raw = os.pread(file, size, offset)
    if len(raw) == size or not raw:
        return raw
    # The kernel moves at most 2 GiB at once and may stop early: go on until it says the file ended.
    pieces = [raw]
    have = len(raw)
    while have < size and (piece := os.pread(file, size - have, offset + have)):
        pieces.append(piece)
        have += len(piece)
    return b"".join(pieces)


def _read_singly(
    file: int, frames: BlockFrames, blocks: range, sizes: Sequence[int], offset: int
) -> list[memoryview | None]:
    """Read block by block, so that one bad sector costs one block."""
    found: list[memoryview | None] = []
    for number, size in zip(blocks, sizes, strict=True):
        try:
            raw = _read_all(file, size + CHECKSUM_BYTES, offset)
            found += frames.unwrap(number, raw, (size,))
        except OSError:
            found.append(None)
        offset += size + CHECKSUM_BYTES
    return found
