"""Sweeps, rebuilds of drives, and who begins them."""

import asyncio

import pytest

from atoll.base.errors import QuorumLost
from atoll.base.names import ObjectKey
from atoll.core.quorum.messages import Detail
from atoll.drives.kv import Table
from atoll.jobs.heal.healer import Depth, Healed
from atoll.jobs.heal.marks import DriveMarks
from atoll.jobs.heal.rebuild import Lacking, Rebuild
from atoll.jobs.heal.sweep import ATTEMPTS_MAX, Sweep, SweepScope
from atoll.jobs.heal.watch import SWEEPS_MAX, DriveWatch
from atoll.jobs.worker import Budget, State
from atoll.objects.names import bucket_ranges
from atoll.registers.members import Spot
from fakes.shard_cluster import content
from fakes.world import BUCKET, World, run_worker

SMALL = content(3_000)
PACKED = content(100_000)
BUDGET = Budget(rows=3)


def run(check, drives=4):
    async def main():
        async with World(drives) as world:
            await check(world)

    asyncio.run(main())


def make_sweep(world, **scope):
    return Sweep("heal", world.healer, world.repairer, world.current, SweepScope(**scope))


async def fill(world, count=7):
    for number in range(count):
        await world.put(b"%d" % number, PACKED if number % 2 else SMALL)


async def is_whole(world):
    """Return whether every drive holds every record, and equally many shards."""
    rows, _ = await world.repairer.list_page(world.on, b"", b"\xff", 1000)
    for row in rows:
        found = await world.repairer.inspect(Spot(world.on, row.key), Detail.WHOLE)
        if found.behind:
            return False
    sizes = {len(drive.shards.bodies) for drive in world.drives.values()}
    return len(sizes) == 1


def test_a_sweep_heals_everything_page_by_page():
    async def check(world):
        late = world.on.drives[0]
        drive = world.drives.pop(late)
        await fill(world)
        world.drives[late] = drive
        # Behind the time in which copies may differ because they are being written.
        world.clock.now_ns += 10**10
        sweep = make_sweep(world, total=8)
        assert await sweep.step(BUDGET) is State.BUSY
        assert sweep.status().done == 3
        await run_worker(sweep, BUDGET)
        status = sweep.status()
        # Seven objects and their bucket, whose record the drive has.
        assert (status.done, status.total, status.failed) == (8, 8, 0)
        assert status.repaired == status.damaged == 7 + 3
        assert await is_whole(world)

    run(check)


def test_a_sweep_of_a_prefix_touches_nothing_else():
    async def check(world):
        late = world.on.drives[0]
        drive = world.drives.pop(late)
        await fill(world)
        world.drives[late] = drive
        bucket = await world.objects.head_bucket(BUCKET)
        sweep = make_sweep(
            world, ranges=bucket_ranges(BUCKET, incarnation=bucket.incarnation, prefix=b"3")
        )
        await run_worker(sweep, BUDGET)
        assert sweep.status().done == 2
        assert drive.stored(await world.register_key(b"3")) is not None
        assert drive.stored(await world.register_key(b"4")) is None

    run(check)


def test_tombstones_are_healed_too():
    async def check(world):
        await world.put(b"k", SMALL)
        drive = world.drives.pop(world.on.drives[0])
        await world.objects.delete(BUCKET, ObjectKey(b"k"))
        await world.settle()
        world.drives[world.on.drives[0]] = drive
        await run_worker(make_sweep(world), BUDGET)
        assert await is_whole(world)

    run(check)


def test_a_key_that_cannot_be_healed_is_counted_and_passed_over():
    async def check(world):
        await fill(world, 4)

        class Failing:
            def __init__(self):
                self.healed = []

            async def heal(self, on, key, depth):
                self.healed.append(key)
                if key.endswith(b"1"):
                    raise QuorumLost
                return Healed(failed="gone" if key.endswith(b"2") else "")

        healer = Failing()
        sweep = Sweep("heal", healer, world.repairer, world.current, SweepScope())
        for _ in range(ATTEMPTS_MAX - 1):
            with pytest.raises(QuorumLost):
                await sweep.step(Budget())
        assert await sweep.step(Budget()) is State.DONE
        assert sweep.status().failed == 2
        assert sum(key.endswith(b"1") for key in healer.healed) == ATTEMPTS_MAX

    run(check)


def test_a_set_that_cannot_be_listed_ends_a_sweep_with_failures():
    async def check(world):
        for drive_id in world.on.drives[:3]:
            world.drives.pop(drive_id)
        sweep = make_sweep(world)
        for _ in range(ATTEMPTS_MAX - 1):
            with pytest.raises(QuorumLost):
                await sweep.step(BUDGET)
        assert await sweep.step(BUDGET) is State.DONE
        assert sweep.status().failed == 1

    run(check)


# ── rebuild ────────────────────────────────────────────────────────────────────────────────────


class Account:
    def __init__(self):
        self.marked = []
        self.finished = 0

    async def mark(self, drive_id):
        self.marked.append(drive_id)

    async def finish(self, drive_id):
        self.finished += 1
        return self.finished > 1


def make_rebuild(world, drive, account):
    return Rebuild(
        "rebuild",
        Lacking(drive.drive_id, drive.acceptor.facts.copied_until),
        world.repairer,
        world.current,
        make_sweep=lambda name, sets: make_sweep(world, sets=sets),
        account=account,
    )


@pytest.mark.parametrize("drives", [2, 3, 4])
def test_a_blank_drive_is_rebuilt_while_objects_are_written(drives):
    async def check(world):
        await fill(world)
        blank = world.replace_drive(world.on.drives[1])
        rebuild = make_rebuild(world, blank, Account())
        for number in range(100):
            if await rebuild.step(BUDGET) is State.DONE:
                break
            if number < 3 and drives > 2:
                await world.put(b"5%d" % number, PACKED)
        assert not blank.acceptor.facts.copied_until
        assert await is_whole(world)
        assert rebuild.status().failed == 0
        assert await world.get(b"1") == PACKED

    run(check, drives)


def test_a_rebuild_goes_on_where_it_was_after_a_crash():
    async def check(world):
        await fill(world)
        blank = world.replace_drive(world.on.drives[1])
        rebuild = make_rebuild(world, blank, Account())
        await rebuild.step(BUDGET)
        place = dict(blank.acceptor.facts.copied_until)
        assert place[0] > b"\0"
        again = make_rebuild(world, blank, Account())
        await again.step(BUDGET)
        assert blank.acceptor.facts.copied_until != place
        await run_worker(again, BUDGET)
        assert await is_whole(world)

    run(check)


def test_a_rebuild_marks_before_its_sweep_and_sweeps_again_when_told():
    async def check(world):
        await fill(world, 2)
        account = Account()
        blank = world.replace_drive(world.on.drives[1])
        rebuild = make_rebuild(world, blank, account)
        await run_worker(rebuild, BUDGET)
        assert set(account.marked) == {blank.drive_id}
        assert account.finished == 2

    run(check)


# ── watch ──────────────────────────────────────────────────────────────────────────────────────


def make_watch(world, begun):
    return DriveWatch(DriveMarks(world.registers), world.drives, world.current, begun.append)


def test_an_absent_drive_is_marked_and_rebuilt_by_the_process_that_has_it_again():
    async def check(world):
        begun = []
        away = world.on.drives[2]
        drive = world.drives.pop(away)
        watch = make_watch(world, begun)
        assert await watch.step(BUDGET) is State.IDLE
        assert begun == []
        world.drives[away] = drive
        later = make_watch(world, begun)
        await later.step(BUDGET)
        await later.step(BUDGET)
        assert begun == [away]
        assert await later.finish(away)
        assert await DriveMarks(world.registers).read() == set()

    run(check)


@pytest.mark.parametrize("drives", [2, 4])
def test_a_blank_drive_is_begun_at_once_even_when_no_mark_can_be_written(drives):
    async def check(world):
        begun = []
        blank = world.replace_drive(world.on.drives[0])
        watch = make_watch(world, begun)
        await watch.step(BUDGET)
        assert begun == [blank.drive_id]

    run(check, drives)


def test_a_drive_noted_during_its_sweep_is_swept_again_but_not_for_ever():
    async def check(world):
        begun = []
        watch = make_watch(world, begun)
        drive_id = world.on.drives[0]
        watch.note([drive_id])
        await watch.wait()
        await watch.step(BUDGET)
        assert begun == [drive_id]
        assert watch.covers([drive_id])
        assert not watch.covers([drive_id, world.on.drives[1]])
        for _ in range(SWEEPS_MAX - 1):
            assert not await watch.finish(drive_id)
            watch.note([drive_id])
        assert await watch.finish(drive_id)
        assert await DriveMarks(world.registers).read() == {drive_id}

    run(check)


def test_marks_of_drives_that_left_the_map_are_cleared():
    async def check(world):
        marks = DriveMarks(world.registers)
        await marks.set("replaced")
        await make_watch(world, []).step(BUDGET)
        assert await marks.read() == set()

    run(check)


def test_a_sweep_meets_records_that_only_a_whole_read_shows():
    async def check(world):
        key = await world.put(b"k", SMALL)
        world.drives[world.on.drives[0]].flip(Table.INLINE, key)
        shallow = make_sweep(world, depth=Depth.PRESENCE)
        await run_worker(shallow, BUDGET)
        assert shallow.status().damaged == 0
        deep = make_sweep(world, depth=Depth.RECORDS)
        await run_worker(deep, BUDGET)
        assert deep.status().repaired == 1

    run(check)
