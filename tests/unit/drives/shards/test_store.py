"""Shards on a real directory: what lies on the medium, and what damage to it does."""

import asyncio
import errno
import os
import threading

import pytest

from atoll.base.errors import (
    DriveFull,
    DriveIo,
    DriveMissing,
    DriveSlow,
    ShardCorrupt,
    ShardMissing,
)
from atoll.base.ids import DataId
from atoll.core.formats.packed_shard import Row, packed_key
from atoll.core.formats.shard_file import CHECKSUM_BYTES, HEADER_BYTES, frame_offset
from atoll.drives.contract import PackedShard, ShardAddress, ShardShape
from atoll.drives.kv import Table
from atoll.drives.shards import files
from fakes.shard_cluster import OpenedShards, content

#: Two whole stripes and a short one, more than PACKED_BYTES_MAX in all.
SHAPE = ShardShape(1, 1, 600_000, 1_300_000)
BLOCKS = [content(600_000, 1), content(600_000, 2), content(100_000, 3)]
SMALL = ShardShape(2, 2, 1 << 20, 200_000)
ADDRESS = ShardAddress(3, b"b/12345678/key", DataId(bytes(range(16))), 1)


def run(tmp_path, check, sinks_max=64):
    async def main():
        async with OpenedShards(tmp_path, sinks_max) as opened:
            await check(opened)

    asyncio.run(main())


async def write(store, address=ADDRESS):
    await write_and_commit(await store.open_sink(address, SHAPE))


async def write_and_commit(sink):
    await sink.write(BLOCKS)
    await sink.commit(SHAPE.data_bytes)


async def read(store, address=ADDRESS, first=0, count=3):
    return [
        None if block is None else bytes(block)
        for block in await store.read_blocks(address, SHAPE, range(first, first + count))
    ]


def test_a_shard_has_one_file_of_known_size_and_nothing_is_staged(tmp_path):
    async def check(opened):
        await write(opened.store)
        (file,) = opened.files()
        assert file.relative_to(tmp_path) == (
            tmp_path / "shards/0f/000102030405060708090a0b0c0d0e0f.0003.01"
        ).relative_to(tmp_path)
        assert file.stat().st_size == HEADER_BYTES + sum(map(len, BLOCKS)) + 3 * CHECKSUM_BYTES
        assert opened.staged() == []

    run(tmp_path, check)


def test_files_are_counted_and_many_of_them_estimated(tmp_path, monkeypatch):
    async def check(opened):
        await write(opened.store)
        assert await opened.store.estimate_files() == 1
        for number in range(40):
            (tmp_path / "shards" / "00" / f"{number}").touch()
        assert await opened.store.estimate_files() == 41
        monkeypatch.setattr(files, "_COUNTED_MAX", 39)
        assert await opened.store.estimate_files() == 40 * 256

    run(tmp_path, check)


def test_space_is_taken_when_the_size_is_known(tmp_path):
    async def check(opened):
        sink = await opened.store.open_sink(ADDRESS, SHAPE)
        (staged,) = opened.staged()
        assert staged.stat().st_size == HEADER_BYTES + sum(map(len, BLOCKS)) + 3 * CHECKSUM_BYTES
        await sink.abort()
        assert opened.staged() == []

    run(tmp_path, check)


def test_what_a_crash_left_in_staging_is_removed_at_the_next_start(tmp_path):
    async def check(opened):
        await opened.store.open_sink(ADDRESS, SHAPE)
        assert len(opened.staged()) == 1
        async with OpenedShards(tmp_path) as again:
            assert again.staged() == []
            assert again.files() == []

    run(tmp_path, check)


@pytest.mark.parametrize("block", [0, 1, 2])
@pytest.mark.parametrize("where", [0, CHECKSUM_BYTES, CHECKSUM_BYTES + 50_000])
def test_a_flipped_bit_costs_its_block_only(tmp_path, block, where):
    async def check(opened):
        await write(opened.store)
        (file,) = opened.files()
        damage(file, frame_offset(block, 600_000) + where)
        expected = [None if number == block else b for number, b in enumerate(BLOCKS)]
        assert await read(opened.store) == expected

    run(tmp_path, check)


def damage(file, at):
    with file.open("r+b") as opened:
        opened.seek(at)
        byte = opened.read(1)[0]
        opened.seek(at)
        opened.write(bytes([byte ^ 0x10]))


def test_a_truncated_file_misses_its_last_blocks(tmp_path):
    async def check(opened):
        await write(opened.store)
        (file,) = opened.files()
        os.truncate(file, frame_offset(1, 600_000) + 300)
        assert await read(opened.store) == [BLOCKS[0], None, None]
        os.truncate(file, HEADER_BYTES)
        assert await read(opened.store) == [None, None, None]

    run(tmp_path, check)


def test_a_damaged_or_cut_header_is_a_corrupt_shard(tmp_path):
    async def check(opened):
        await write(opened.store)
        (file,) = opened.files()
        damage(file, 20)
        with pytest.raises(ShardCorrupt):
            await read(opened.store)
        os.truncate(file, 10)
        with pytest.raises(ShardCorrupt):
            await read(opened.store)

    run(tmp_path, check)


def test_a_block_written_to_the_wrong_place_is_not_taken(tmp_path):
    async def check(opened):
        await write(opened.store)
        (file,) = opened.files()
        frame = CHECKSUM_BYTES + 600_000
        raw = bytearray(file.read_bytes())
        first, second = HEADER_BYTES, HEADER_BYTES + frame
        raw[first:second], raw[second : second + frame] = (
            raw[second : second + frame],
            raw[first:second],
        )
        file.write_bytes(raw)
        assert await read(opened.store) == [None, None, BLOCKS[2]]

    run(tmp_path, check)


def test_a_file_under_the_name_of_another_shard_is_corrupt(tmp_path):
    async def check(opened):
        await write(opened.store)
        other = ShardAddress(3, ADDRESS.key, ADDRESS.data_id, 0)
        (file,) = opened.files()
        file.with_name(file.name.replace(".01", ".00")).write_bytes(file.read_bytes())
        with pytest.raises(ShardCorrupt):
            await read(opened.store, other)

    run(tmp_path, check)


def test_a_packed_row_with_a_flipped_bit_misses_its_block(tmp_path):
    async def check(opened):
        block = content(100_000)
        await opened.store.put_shards([PackedShard(ADDRESS, SMALL, (block,))])
        key = packed_key(Row.BODY, 3, ADDRESS.data_id, 1)
        rows = opened.kv._rows[Table.SHARDS]
        body = bytearray(rows[key])
        body[-1] ^= 1
        rows[key] = bytes(body)
        assert await opened.store.read_blocks(ADDRESS, SMALL, range(1)) == [None]
        body[0] ^= 1
        rows[key] = bytes(body)
        with pytest.raises(ShardCorrupt):
            await opened.store.read_blocks(ADDRESS, SMALL, range(1))

    run(tmp_path, check)


def test_damaged_headers_are_listed_without_an_owner(tmp_path):
    async def check(opened):
        await write(opened.store)
        await opened.store.put_shards([PackedShard(ADDRESS, SMALL, (content(100_000),))])
        damage(opened.files()[0], 20)
        key = packed_key(Row.LISTING, 3, ADDRESS.data_id, 1)
        opened.kv._rows[Table.SHARDS][key] = b"damaged"
        (row, file), _ = await opened.store.list_shards(b"", 10)
        for info in (row, file):
            assert info.address == ShardAddress(3, b"", ADDRESS.data_id, 1)
            assert info.shape == ShardShape(0, 0, 0, 0)
        assert (row.is_packed, file.is_packed) == (True, False)

    run(tmp_path, check)


def test_strange_files_are_not_listed(tmp_path):
    async def check(opened):
        (tmp_path / "shards/00/README").write_text("not a shard")
        assert await opened.store.list_shards(b"", 10) == ([], b"")

    run(tmp_path, check)


def test_all_shards_of_a_data_id_can_be_removed_without_their_index(tmp_path):
    async def check(opened):
        await write(opened.store)
        await opened.store.put_shards([PackedShard(ADDRESS, SMALL, (content(100_000),))])
        await opened.store.delete_data(3, ADDRESS.data_id)
        await opened.store.delete_data(3, ADDRESS.data_id)
        assert opened.files() == []
        assert opened.kv._rows[Table.SHARDS] == {}

    run(tmp_path, check)


def test_a_write_beyond_the_reserve_fails_and_the_sink_stays_failed(tmp_path):
    async def check(opened):
        sink = await opened.store.open_sink(ADDRESS, ShardShape(1, 1, 600_000, 0))
        await sink.write(BLOCKS[:1])
        opened.room.free_bytes = 1000
        with pytest.raises(DriveFull):
            await sink.write(BLOCKS[1:])
        opened.room.free_bytes = None
        with pytest.raises(DriveFull):
            await sink.commit(SHAPE.data_bytes)
        await sink.abort()
        assert opened.staged() == []
        assert opened.files() == []
        assert opened.io_errors == []

    run(tmp_path, check)


@pytest.mark.parametrize("call", ["pwritev", "fdatasync"])
def test_an_io_error_of_a_write_is_told_to_the_drive(tmp_path, monkeypatch, call):
    async def check(opened):
        sink = await opened.store.open_sink(ADDRESS, SHAPE)

        def fail(*_):
            raise OSError(errno.EIO, "Input/output error")

        with monkeypatch.context() as patched:
            patched.setattr(os, call, fail)
            with pytest.raises(DriveIo):
                await write_and_commit(sink)
        assert len(opened.io_errors) == 1
        # A failed sync is never tried again as if the pages were clean.
        with pytest.raises(DriveIo):
            await sink.commit(SHAPE.data_bytes)
        await sink.abort()
        assert opened.files() == []

    run(tmp_path, check)


def test_a_drive_with_an_io_error_takes_no_shard_and_still_shows_blocks(tmp_path):
    async def check(opened):
        await write(opened.store)
        other = ShardAddress(3, b"b/12345678/key", DataId(bytes(16)), 1)
        begun = await opened.store.open_sink(other, SHAPE)
        await begun.write(BLOCKS)
        opened.group.poison(DriveIo("Another file could not be synced.", errno=errno.EIO))
        with pytest.raises(DriveIo):
            begun.commit(SHAPE.data_bytes)
        with pytest.raises(DriveIo):
            opened.store.open_sink(other, SHAPE)
        await begun.abort()
        assert await read(opened.store) == BLOCKS
        assert (len(opened.files()), opened.staged()) == (1, [])

    run(tmp_path, check)


def test_an_io_error_of_a_read_costs_the_blocks_it_hits(tmp_path, monkeypatch):
    async def check(opened):
        await write(opened.store)
        real = os.pread

        def bad_sector(file, size, offset):
            at = frame_offset(1, 600_000) + 7
            if offset <= at < offset + size:
                raise OSError(errno.EIO, "Input/output error")
            return real(file, size, offset)

        with monkeypatch.context() as patched:
            patched.setattr(os, "pread", bad_sector)
            assert await read(opened.store) == [BLOCKS[0], None, BLOCKS[2]]
        assert opened.io_errors == []

    run(tmp_path, check)


def test_short_writes_and_reads_of_the_kernel_are_continued(tmp_path, monkeypatch):
    async def check(opened):
        write_some, read_some = os.pwritev, os.pread

        def few(file, buffers, offset):
            return write_some(file, [memoryview(buffers[0])[:70_001]], offset)

        with monkeypatch.context() as patched:
            patched.setattr(os, "pwritev", few)
            patched.setattr(os, "pread", lambda f, n, at: read_some(f, min(n, 90_001), at))
            await write(opened.store)
            assert await read(opened.store) == BLOCKS
        assert await read(opened.store) == BLOCKS

    run(tmp_path, check)


def test_a_drive_whose_directory_vanished_is_missing(tmp_path):
    async def check(opened):
        (tmp_path / "staging").rmdir()
        with pytest.raises(DriveMissing):
            await opened.store.open_sink(ADDRESS, SHAPE)
        (tmp_path / "staging").mkdir()
        await (await opened.store.open_sink(ADDRESS, SHAPE)).abort()

    run(tmp_path, check)


def test_an_abort_waits_for_the_write_under_way(tmp_path, monkeypatch):
    async def check(opened):
        sink = await opened.store.open_sink(ADDRESS, SHAPE)
        gate, real = threading.Event(), os.pwritev

        def slowly(*args):
            gate.wait(5)
            return real(*args)

        monkeypatch.setattr(os, "pwritev", slowly)
        writing, aborting = sink.write(BLOCKS), sink.abort()
        gate.set()
        await writing
        await aborting
        assert opened.staged() == []

    run(tmp_path, check)


def test_files_being_written_are_bounded(tmp_path):
    async def check(opened):
        sinks = [await opened.store.open_sink(ADDRESS, SHAPE) for _ in range(2)]
        with pytest.raises(DriveSlow):
            await opened.store.open_sink(ADDRESS, SHAPE)
        await sinks[0].abort()
        await sinks[1].write(BLOCKS)
        await sinks[1].commit(SHAPE.data_bytes)
        for _ in range(3):
            await (await opened.store.open_sink(ADDRESS, SHAPE)).abort()

    run(tmp_path, check, sinks_max=2)


def test_a_failed_commit_of_the_database_fails_the_put(tmp_path):
    async def check(opened):
        opened.kv.fail_next_commit = True
        with pytest.raises(DriveIo):
            await opened.store.put_shards([PackedShard(ADDRESS, SMALL, (content(100_000),))])
        with pytest.raises(ShardMissing):
            await opened.store.read_blocks(ADDRESS, SMALL, range(1))

    run(tmp_path, check)
