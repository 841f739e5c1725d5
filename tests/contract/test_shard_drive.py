"""What every shard drive must do, run on each implementation."""

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from atoll.base.errors import DriveFull, ShardCorrupt, ShardMissing
from atoll.base.ids import DataId
from atoll.core.erasure.geometry import Geometry
from atoll.drives.contract import PackedShard, ShardAddress, ShardShape
from atoll.drives.faulty import FaultyDrive, ScriptedPlan
from atoll.drives.shards.memory import MemoryShards
from fakes.shard_cluster import OpenedShards, content

SHAPE = ShardShape(2, 2, 1 << 20, (2 << 20) + 1001)
SMALL = ShardShape(2, 2, 1 << 20, 40_001)


def address(number=1, index=0, set_index=0):
    return ShardAddress(set_index, b"b/12345678/key", DataId(bytes([number]) * 16), index)


def blocks_of(shape, seed=1):
    geometry = Geometry(shape.data, shape.parity, shape.stripe_bytes, shape.data_bytes)
    return [content(geometry.block_size(stripe), seed) for stripe in range(geometry.stripes)]


@asynccontextmanager
async def file_drive(path):
    async with OpenedShards(path) as opened:
        yield SimpleNamespace(drive=opened.store, fill=lambda: _fill(opened.room))


@asynccontextmanager
async def memory_drive(_path):
    drive = MemoryShards()
    yield SimpleNamespace(drive=drive, fill=lambda: setattr(drive, "_capacity_bytes", 0))


@asynccontextmanager
async def faultless_drive(path):
    async with file_drive(path) as made:
        yield SimpleNamespace(drive=FaultyDrive(made.drive, ScriptedPlan({})), fill=made.fill)


def _fill(room):
    room.free_bytes = 0


@pytest.fixture(params=[file_drive, memory_drive, faultless_drive], ids=lambda f: f.__name__)
def run(request, tmp_path):
    def run_with(check):
        async def main():
            async with request.param(tmp_path) as made:
                await check(made)

        asyncio.run(main())

    return run_with


async def write_file(drive, place, shape=SHAPE, seed=1):
    sink = await drive.open_sink(place, shape)
    for block in blocks_of(shape, seed):
        await sink.write([block])
    await sink.commit(shape.data_bytes)


async def read_all(drive, place, shape=SHAPE):
    count = len(blocks_of(shape))
    return [
        None if b is None else bytes(b) for b in await drive.read_blocks(place, shape, range(count))
    ]


def test_a_packed_shard_reads_back(run):
    async def check(made):
        blocks = tuple(blocks_of(SMALL))
        await made.drive.put_shards([PackedShard(address(), SMALL, blocks)])
        assert await read_all(made.drive, address(), SMALL) == list(blocks)

    run(check)


def test_a_shard_file_reads_back(run):
    async def check(made):
        await write_file(made.drive, address())
        assert await read_all(made.drive, address()) == blocks_of(SHAPE)

    run(check)


def test_part_of_a_shard_reads_back(run):
    async def check(made):
        await write_file(made.drive, address())
        found = await made.drive.read_blocks(address(), SHAPE, range(1, 3))
        assert [bytes(block) for block in found] == blocks_of(SHAPE)[1:]

    run(check)


def test_views_are_taken_as_blocks(run):
    async def check(made):
        blocks = tuple(memoryview(block) for block in blocks_of(SMALL))
        await made.drive.put_shards([PackedShard(address(), SMALL, blocks)])
        assert await read_all(made.drive, address(), SMALL) == blocks_of(SMALL)

    run(check)


def test_writes_under_way_together_keep_their_order(run):
    async def check(made):
        sink = await made.drive.open_sink(address(), SHAPE)
        replies = [sink.write([block]) for block in blocks_of(SHAPE)]
        for reply in replies:
            await reply
        await sink.commit(SHAPE.data_bytes)
        assert await read_all(made.drive, address()) == blocks_of(SHAPE)

    run(check)


def test_a_size_that_was_not_known_is_told_at_the_end(run):
    async def check(made):
        sink = await made.drive.open_sink(address(), ShardShape(2, 2, 1 << 20, 0))
        await sink.write(blocks_of(SHAPE))
        await sink.commit(SHAPE.data_bytes)
        assert await read_all(made.drive, address()) == blocks_of(SHAPE)

    run(check)


def test_a_hint_larger_than_the_content_does_no_harm(run):
    async def check(made):
        sink = await made.drive.open_sink(address(), ShardShape(2, 2, 1 << 20, 9 << 20))
        await sink.write(blocks_of(SHAPE))
        await sink.commit(SHAPE.data_bytes)
        assert await read_all(made.drive, address()) == blocks_of(SHAPE)

    run(check)


def test_a_shard_is_invisible_until_it_is_committed(run):
    async def check(made):
        sink = await made.drive.open_sink(address(), SHAPE)
        await sink.write(blocks_of(SHAPE))
        with pytest.raises(ShardMissing):
            await made.drive.read_blocks(address(), SHAPE, range(1))
        assert await made.drive.list_shards(b"", 10) == ([], b"")
        await sink.abort()

    run(check)


def test_an_aborted_shard_leaves_nothing(run):
    async def check(made):
        sink = await made.drive.open_sink(address(), SHAPE)
        await sink.write(blocks_of(SHAPE))
        await sink.abort()
        await sink.abort()
        with pytest.raises(ShardMissing):
            await made.drive.read_blocks(address(), SHAPE, range(1))

    run(check)


def test_commit_and_abort_may_follow_a_commit(run):
    async def check(made):
        sink = await made.drive.open_sink(address(), SHAPE)
        await sink.write(blocks_of(SHAPE))
        await sink.commit(SHAPE.data_bytes)
        await sink.commit(SHAPE.data_bytes)
        await sink.abort()
        assert await read_all(made.drive, address()) == blocks_of(SHAPE)

    run(check)


def test_the_same_shard_may_be_written_again(run):
    async def check(made):
        await write_file(made.drive, address(), seed=1)
        await write_file(made.drive, address(), seed=2)
        assert await read_all(made.drive, address()) == blocks_of(SHAPE, 2)
        shard = PackedShard(address(2), SMALL, tuple(blocks_of(SMALL)))
        await made.drive.put_shards([shard])
        await made.drive.put_shards([shard])
        assert await read_all(made.drive, address(2), SMALL) == blocks_of(SMALL)

    run(check)


def test_the_old_shard_stays_until_the_new_one_is_committed(run):
    async def check(made):
        await write_file(made.drive, address(), seed=1)
        sink = await made.drive.open_sink(address(), SHAPE)
        await sink.write(blocks_of(SHAPE, 2))
        assert await read_all(made.drive, address()) == blocks_of(SHAPE, 1)
        await sink.abort()
        assert await read_all(made.drive, address()) == blocks_of(SHAPE, 1)

    run(check)


@pytest.mark.parametrize("shape", [SHAPE, SMALL], ids=["file", "packed"])
def test_an_absent_shard_is_missing(run, shape):
    async def check(made):
        with pytest.raises(ShardMissing):
            await made.drive.read_blocks(address(), shape, range(1))

    run(check)


@pytest.mark.parametrize("is_small", [False, True], ids=["file", "packed"])
def test_a_shard_of_another_owner_or_shape_is_corrupt(run, is_small):
    async def check(made):
        shape = SMALL if is_small else SHAPE
        if is_small:
            await made.drive.put_shards([PackedShard(address(), SMALL, tuple(blocks_of(SMALL)))])
        else:
            await write_file(made.drive, address())
        stranger = ShardAddress(0, b"b/12345678/other", address().data_id, 0)
        with pytest.raises(ShardCorrupt):
            await made.drive.read_blocks(stranger, shape, range(1))
        longer = ShardShape(2, 2, 1 << 20, shape.data_bytes + 1)
        with pytest.raises(ShardCorrupt):
            await made.drive.read_blocks(address(), longer, range(1))

    run(check)


def test_shards_are_listed_page_by_page(run):
    async def check(made):
        for number in (1, 2, 3):
            shard = PackedShard(
                address(number, set_index=number % 2), SMALL, tuple(blocks_of(SMALL))
            )
            await made.drive.put_shards([shard])
            await write_file(made.drive, address(number + 10, index=1))
        found, cursor = await made.drive.list_shards(b"", 2)
        pages = [found]
        while cursor:
            found, cursor = await made.drive.list_shards(cursor, 2)
            pages.append(found)
        rows = [row for page in pages for row in page]
        assert all(len(page) <= 2 for page in pages)
        assert sorted(row.address.data_id[0] for row in rows) == [1, 2, 3, 11, 12, 13]
        assert {row.address.data_id[0] for row in rows if row.is_packed} == {1, 2, 3}
        for row in rows:
            assert row.shape == (SMALL if row.is_packed else SHAPE)
            assert row.address.key == b"b/12345678/key"
            assert row.size_bytes > sum(map(len, blocks_of(row.shape)))

    run(check)


def test_a_deleted_shard_is_gone_and_deleting_again_is_success(run):
    async def check(made):
        await made.drive.put_shards([PackedShard(address(), SMALL, tuple(blocks_of(SMALL)))])
        await write_file(made.drive, address(2))
        for number, shape in ((1, SMALL), (2, SHAPE)):
            await made.drive.delete_shard(address(number))
            await made.drive.delete_shard(address(number))
            with pytest.raises(ShardMissing):
                await made.drive.read_blocks(address(number), shape, range(1))
        assert await made.drive.list_shards(b"", 10) == ([], b"")

    run(check)


def test_a_full_drive_refuses_bytes_and_still_reads_and_deletes(run):
    async def check(made):
        await made.drive.put_shards([PackedShard(address(), SMALL, tuple(blocks_of(SMALL)))])
        made.fill()
        with pytest.raises(DriveFull):
            await made.drive.put_shards([PackedShard(address(2), SMALL, tuple(blocks_of(SMALL)))])
        with pytest.raises(DriveFull):
            await write_file(made.drive, address(3))
        assert await read_all(made.drive, address(), SMALL) == blocks_of(SMALL)
        await made.drive.delete_shard(address())
        assert await made.drive.list_shards(b"", 10) == ([], b"")

    run(check)
