"""A scrub finds what nobody reads: rotten blocks, records, lost shards."""

import asyncio

import pytest

from atoll.base.errors import QuorumLost
from atoll.core.formats.shard_file import HEADER_BYTES
from atoll.drives.kv import Table
from atoll.jobs.heal.healer import Depth
from atoll.jobs.heal.sweep import Sweep, SweepScope
from atoll.jobs.scrub import scrub as scrub_module
from atoll.jobs.scrub.scrub import Scrub
from atoll.jobs.worker import Budget
from fakes.shard_cluster import content
from fakes.world import DeadDrive, World, run_worker

SMALL = content(3_000)
PACKED = content(100_000)
LARGE = content((3 << 20) + 7)
BUDGET = Budget(rows=3, size_bytes=1 << 20)


class Hinted:
    def __init__(self):
        self.keys = []

    def add(self, set_index, key):
        self.keys.append((set_index, key))


def make(world, *, healer=None, hints=None, keys=0):
    healer = healer or world.healer
    scope = SweepScope(depth=Depth.RECORDS, total=keys)
    sweep = Sweep("scrub", world.healer, world.repairer, world.current, scope)
    return Scrub("scrub", world.drives, healer, hints or Hinted(), world.current, sweep=sweep)


def run(check):
    async def main():
        async with World() as world:
            for name, body in ((b"s", SMALL), (b"p", PACKED), (b"l", LARGE)):
                await world.put(name, body)
            await check(world)

    asyncio.run(main())


def shards_of(world):
    return {(d.drive_id, k): d.shards.bodies[k] for d, k in world.shard_keys()}


def test_a_scrub_of_what_is_whole_reads_all_and_writes_nothing():
    async def check(world):
        before = shards_of(world)
        scrub = make(world)
        await run_worker(scrub, BUDGET)
        status = scrub.status()
        # Eight shards, three objects and their bucket.
        assert (status.done, status.damaged, status.repaired, status.failed) == (12, 0, 0, 0)
        assert status.done_bytes > 2 * len(LARGE)
        assert shards_of(world) == before

    run(check)


def test_the_total_is_an_estimate_until_the_shards_are_counted():
    async def check(world):
        unknown, scrub = make(world), make(world, keys=4)
        scrub.expect(100)
        assert (unknown.status().total, scrub.status().total) == (0, 104)
        await scrub.step(Budget(rows=1, size_bytes=1))
        assert scrub.status().total == 104
        await run_worker(scrub, BUDGET)
        assert (scrub.status().done, scrub.status().total) == (12, 12)

    run(check)


def test_any_flipped_byte_of_any_shard_is_found_and_repaired():
    async def check(world):
        before = shards_of(world)
        for drive, key in list(world.shard_keys())[:3]:
            body = bytearray(drive.shards.bodies[key])
            body[len(body) // 2] ^= 1
            drive.shards.bodies[key] = bytes(body)
        assert shards_of(world) != before
        scrub = make(world)
        await run_worker(scrub, BUDGET)
        assert scrub.status().damaged == scrub.status().repaired >= 2
        assert shards_of(world) == before

    run(check)


def test_a_lost_shard_and_a_damaged_header_are_found_through_their_register():
    async def check(world):
        before = shards_of(world)
        shards = list(world.shard_keys())
        del shards[0][0].shards.bodies[shards[0][1]]
        scrub = make(world)
        await run_worker(scrub, BUDGET)
        assert scrub.status().repaired == 1
        assert shards_of(world) == before

    run(check)


@pytest.mark.parametrize("table", [Table.HEADS, Table.INLINE])
def test_rotten_records_are_found_on_the_drive_that_has_them(table):
    async def check(world):
        key = await world.register_key(b"s")
        drive = world.drives[world.on.drives[2]]
        drive.flip(table, key)
        scrub = make(world)
        await run_worker(scrub, BUDGET)
        assert (scrub.status().damaged, scrub.status().repaired) == (1, 1)
        again = make(world)
        await run_worker(again, BUDGET)
        assert again.status().damaged == 0

    run(check)


def test_a_drive_that_fails_is_left_out():
    async def check(world):
        dead = world.on.drives[0]
        drive, key = next(item for item in world.shard_keys() if item[0].drive_id != dead)
        world.drives[dead] = DeadDrive(dead)
        body = bytearray(drive.shards.bodies[key])
        body[-1] ^= 1
        drive.shards.bodies[key] = bytes(body)
        scrub = make(world)
        await run_worker(scrub, BUDGET)
        assert scrub.status().repaired == 1
        assert scrub.status().failed == 1
        assert dead[:8] in scrub.status().message

    run(check)


def test_what_cannot_be_healed_now_becomes_a_hint():
    async def check(world):
        class Unable:
            async def heal_owner(self, on, key, depth):
                raise QuorumLost

        drive, key = next(world.shard_keys())
        body = bytearray(drive.shards.bodies[key])
        body[-1] ^= 1
        drive.shards.bodies[key] = bytes(body)
        hints = Hinted()
        scrub = make(world, healer=Unable(), hints=hints)
        for _ in range(len(world.drives) + 1):
            await scrub.step(BUDGET)
        assert len(hints.keys) == 1

    run(check)


def test_a_shard_is_read_piece_by_piece():
    async def check(world):
        calls = []
        drive = world.drives[world.on.drives[0]]
        read_blocks = drive.read_blocks

        def count(address, shape, blocks):
            calls.append(len(blocks))
            return read_blocks(address, shape, blocks)

        drive.read_blocks = count
        await run_worker(make(world), BUDGET)
        block_bytes = (1 << 20) // 2
        assert max(calls) * block_bytes <= scrub_module.READ_BYTES

    run(check)
    assert HEADER_BYTES < scrub_module.READ_BYTES
