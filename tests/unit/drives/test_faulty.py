import asyncio

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
from atoll.drives.contract import PackedShard, ShardAddress, ShardShape
from atoll.drives.faulty import Fault, FaultyDrive, ScriptedPlan, SeededPlan
from atoll.drives.shards.memory import MemoryShards
from fakes.shard_cluster import content

ADDRESS = ShardAddress(0, b"key", DataId(bytes(16)), 0)
SHAPE = ShardShape(1, 1, 1000, 4000)
SHARD = PackedShard(ADDRESS, SHAPE, tuple(content(1000, number) for number in range(4)))


def run(script, check, delay_s=0.0):
    async def main():
        inner = MemoryShards()
        await inner.put_shards([SHARD])
        await check(FaultyDrive(inner, ScriptedPlan(script), delay_s=delay_s), inner)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.IO_ERROR, DriveIo),
        (Fault.FULL, DriveFull),
        (Fault.GONE, DriveMissing),
        (Fault.LOST_ANSWER, DriveSlow),
        (Fault.SHARD_MISSING, ShardMissing),
        (Fault.SHARD_STALE, ShardCorrupt),
    ],
)
def test_a_fault_shows_once_and_the_next_call_works(fault, error):
    async def check(drive, _inner):
        with pytest.raises(error):
            await drive.read_blocks(ADDRESS, SHAPE, range(4))
        assert await drive.read_blocks(ADDRESS, SHAPE, range(4)) == list(SHARD.blocks)

    run({"read_blocks": [fault, None]}, check)


@pytest.mark.parametrize(
    ("fault", "kept"),
    [(Fault.BIT_FLIP, [0, 1, 3]), (Fault.TRUNCATED, [0, 1]), (Fault.MISDIRECTED, [])],
)
def test_damaged_blocks_are_none(fault, kept):
    async def check(drive, _inner):
        found = await drive.read_blocks(ADDRESS, SHAPE, range(4))
        assert [number for number, block in enumerate(found) if block is not None] == kept
        assert all(found[number] == SHARD.blocks[number] for number in kept)

    run({"read_blocks": [fault]}, check)


def test_a_lost_answer_was_carried_out():
    async def check(drive, inner):
        with pytest.raises(DriveSlow):
            await drive.delete_shard(ADDRESS)
        assert inner.bodies == {}

    run({"delete_shard": [Fault.LOST_ANSWER]}, check)


def test_a_refused_call_was_not_carried_out():
    async def check(drive, inner):
        with pytest.raises(DriveIo):
            await drive.delete_shard(ADDRESS)
        assert len(inner.bodies) == 1

    run({"delete_shard": [Fault.IO_ERROR]}, check)


def test_a_slow_answer_comes_after_its_delay():
    async def check(drive, _inner):
        reply = drive.read_blocks(ADDRESS, SHAPE, range(4))
        assert not reply.done()
        assert await reply == list(SHARD.blocks)

    run({"read_blocks": [Fault.SLOW]}, check)


def test_writes_and_commits_of_a_sink_fail_by_plan():
    async def check(drive, inner):
        inner.bodies.clear()
        sink = await drive.open_sink(ADDRESS, SHAPE)
        with pytest.raises(DriveIo):
            await sink.write(SHARD.blocks)
        await sink.write(SHARD.blocks)
        with pytest.raises(DriveFull):
            await sink.commit(4000)
        await sink.abort()
        assert inner.bodies == {}

    run({"write": [Fault.IO_ERROR], "commit": [Fault.FULL]}, check)


def test_a_script_may_repeat_its_last_fault():
    plan = ScriptedPlan({"read": [None, Fault.SLOW]}, repeats=True)
    assert [plan.draw("read") for _ in range(4)] == [None, Fault.SLOW, Fault.SLOW, Fault.SLOW]
    assert plan.draw("write") is None


def test_a_seed_gives_the_same_faults_at_about_the_rate_asked_for():
    rates = {"write": {Fault.IO_ERROR: 0.1, Fault.FULL: 0.2}}
    drawn = [SeededPlan(7, rates).draw("write") for _ in range(3)]
    assert len(set(drawn)) == 1
    plan = SeededPlan(7, rates)
    faults = [plan.draw("write") for _ in range(2000)]
    assert 140 < faults.count(Fault.IO_ERROR) < 260
    assert 320 < faults.count(Fault.FULL) < 480
    assert SeededPlan(7, rates).draw("read") is None
