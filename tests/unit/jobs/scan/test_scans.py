"""Scans: orphans, tombstones, stale uploads."""

import asyncio

import msgspec
import pytest

from atoll.base.errors import Bitrot, ObjectNotFound, QuorumLost
from atoll.base.ids import WriteId, clock_from_ms, make_ballot, make_data_id
from atoll.base.names import ObjectKey
from atoll.base.streams import WholeBody
from atoll.base.units import NS_PER_MS
from atoll.core.formats.object_record import ObjectHead, encode_head
from atoll.core.formats.register_record import store_key
from atoll.core.quorum.messages import Accept, Seal, Stamp, Value
from atoll.drives.contract import PackedShard, ShardAddress, ShardShape
from atoll.drives.kv import Put, Table
from atoll.jobs.scan.orphans import ORPHAN_AGE_MS, DataUsers, OrphanScan
from atoll.jobs.scan.tombstones import TombstoneScan
from atoll.jobs.scan.uploads import ATTEMPTS_MAX, UploadScan
from atoll.jobs.worker import Budget, State
from atoll.objects.contract import BucketChange, CompleteRequest, PutRequest
from atoll.objects.values import NamedPart, Versioning
from atoll.registers.repair import TOMBSTONE_AGE_MS
from fakes.shard_cluster import content
from fakes.world import BUCKET, DeadDrive, World, run_worker

PACKED = content(100_000)
BUDGET = Budget(rows=3)
DAY_MS = 24 * 3600 * 1000


def run(check):
    async def main():
        async with World() as world:
            await check(world)

    asyncio.run(main())


def age(world, by_ms=ORPHAN_AGE_MS + 3_600_000):
    world.clock.now_ns += by_ms * NS_PER_MS


def make_orphans(world, drives=None, named_data=None):
    return OrphanScan(
        "orphans",
        drives or world.drives,
        world.repairer,
        world.names,
        users=DataUsers(
            named=named_data or world.objects.named_data,
            is_held=world.registers.reclaimer.holds,
        ),
        clock=world.clock,
    )


def count_shards(world):
    return sum(1 for _ in world.shard_keys())


async def free_all(world):
    """Free what waits for the end of its grace."""
    while world.registers.reclaimer.depth:
        await world.registers.reclaimer.step()


async def plant(world, key=b"never", index=0):
    """Write a shard that nothing names; return its drive."""
    clock = clock_from_ms(world.clock.time_ns() // NS_PER_MS)
    owner = await world.register_key(key)
    address = ShardAddress(0, owner, make_data_id(clock, 77), index)
    drive = world.drives[world.on.drives[index]]
    shape = ShardShape(2, 2, 1 << 20, 4)
    await drive.put_shards([PackedShard(address, shape, (b"ab",))])
    return drive


def test_an_orphan_goes_when_it_is_old_enough_and_named_shards_stay():
    async def check(world):
        await world.put(b"k", PACKED)
        await plant(world)
        scan = make_orphans(world)
        await run_worker(scan, BUDGET)
        assert (scan.status().repaired, count_shards(world)) == (0, 5)
        age(world)
        scan = make_orphans(world)
        await run_worker(scan, BUDGET)
        assert (scan.status().repaired, scan.status().failed, count_shards(world)) == (1, 0, 4)
        assert await world.get(b"k") == PACKED

    run(check)


def test_pages_manifests_and_parts_keep_their_data():
    async def check(world):
        change = BucketChange(versioning=Versioning.ENABLED)
        await world.objects.update_bucket(BUCKET, change)
        for number in range(40):
            await world.put(b"versions", b"%d" % number + content(20_000, number))
        key = ObjectKey(b"open")
        upload = await world.objects.create_upload(
            PutRequest(bucket=BUCKET, key=key), checksum_algorithm="", composite=False
        )
        await world.objects.put_part(BUCKET, key, upload.upload_id, 1, WholeBody(PACKED))
        await world.settle()
        before = count_shards(world)
        age(world)
        scan = make_orphans(world)
        await run_worker(scan, Budget())
        assert (scan.status().repaired, scan.status().failed) == (0, 0)
        assert count_shards(world) == before > 40 * 4
        part = (
            await world.objects.list_parts(BUCKET, key, upload.upload_id, after=0, limit=9)
        ).parts[0]
        done = CompleteRequest(
            bucket=BUCKET,
            key=key,
            upload_id=upload.upload_id,
            parts=[NamedPart(number=1, etag=part.etag)],
        )
        await world.objects.complete_upload(done)
        assert await world.get(b"open") == PACKED

    run(check)


class Hasty:
    """A repairer that completes nothing: the broken variant of the rule."""

    def __init__(self, inner):
        self._inner = inner
        self.sets = inner.sets
        self.list_page = inner.list_page

    async def confirm(self, spot):
        return None


@pytest.mark.parametrize("is_hasty", [False, True])
def test_what_a_minority_accepted_is_settled_before_its_data_goes(is_hasty):
    async def check(world):
        key = await world.put(b"k", PACKED)
        order = world.registers.members.ordered(world.on, key)
        # One drive took a write of old, and it is not of the read quorum that is asked first.
        for drive_id in (order[0], order[1], order[3]):
            drive = world.drives[drive_id]
            await drive.kv.commit([Put(Table.HEADS, store_key(0, key), None)], sync=True)
        age(world)
        scan = make_orphans(world)
        if is_hasty:
            scan._repairer = Hasty(world.repairer)
        await run_worker(scan, BUDGET)
        assert count_shards(world) == 0
        # Whoever meets that drive's record later must not show a value whose data is gone.
        for drive_id in order[:2]:
            world.drives.pop(drive_id)
        with pytest.raises((Bitrot, QuorumLost) if is_hasty else ObjectNotFound):
            await world.get(b"k")

    run(check)


def test_nothing_is_removed_while_a_drive_is_away():
    async def check(world):
        await plant(world)
        age(world)
        away = world.on.drives[3]
        drive = world.drives[away]
        world.drives[away] = DeadDrive(away)
        scan = make_orphans(world)
        await run_worker(scan, BUDGET)
        assert count_shards_of(world, away) == 1
        assert scan.status().failed >= 1
        world.drives[away] = drive
        await run_worker(make_orphans(world), BUDGET)
        assert count_shards(world) == 0

    run(check)


def count_shards_of(world, away):
    return sum(
        len(drive.shards.bodies) for drive_id, drive in world.drives.items() if drive_id != away
    )


def test_shards_without_a_readable_page_stay():
    async def check(world):
        async def unreadable(_):
            raise Bitrot

        await plant(world)
        age(world)
        scan = make_orphans(world, named_data=unreadable)
        await run_worker(scan, BUDGET)
        assert (scan.status().failed, count_shards(world)) == (1, 1)

    run(check)


@pytest.mark.parametrize("owner", [b"", b"x/elsewhere"])
def test_shards_of_unknown_owners_stay(owner):
    async def check(world):
        drive = await plant(world)
        (key,) = drive.shards.bodies
        info, _ = await drive.list_shards(b"", 10)
        changed = msgspec.structs.replace(info[0].address, key=owner)
        listed = [msgspec.structs.replace(info[0], address=changed)]

        class Listing:
            async def list_shards(self, after, limit):
                return listed, b""

            async def delete_shard(self, address):
                raise AssertionError("removed what nobody knows")

        age(world)
        scan = make_orphans(world, drives={"d0": Listing()})
        await run_worker(scan, BUDGET)
        assert scan.status().done == 1
        assert key in drive.shards.bodies

    run(check)


# ── tombstones ─────────────────────────────────────────────────────────────────────────────────


async def delete(world, key):
    await world.objects.delete(BUCKET, ObjectKey(key))
    await world.settle()


def has_record(world, key):
    return [drive.stored(key) is not None for drive in world.drives.values()]


def test_an_old_tombstone_goes_and_a_late_ballot_does_not_come_back():
    async def check(world):
        key = await world.put(b"k", b"x" * 10)
        await delete(world, b"k")
        await run_worker(TombstoneScan("tombstones", world.repairer, world.current), BUDGET)
        assert all(has_record(world, key))
        age(world, TOMBSTONE_AGE_MS + 1000)
        scan = TombstoneScan("tombstones", world.repairer, world.current)
        await run_worker(scan, BUDGET)
        await world.settle()
        assert scan.status().repaired == 1
        assert not any(has_record(world, key))
        assert all(drive.acceptor.facts.horizon > bytes(16) for drive in world.drives.values())
        await world.put(b"k", b"again")
        assert await world.get(b"k") == b"again"

    run(check)


def test_a_tombstone_that_a_drive_lacks_is_written_first_and_goes_later():
    async def check(world):
        key = await world.put(b"k", b"x" * 10)
        late = world.on.drives[0]
        drive = world.drives.pop(late)
        await delete(world, b"k")
        world.drives[late] = drive
        age(world, TOMBSTONE_AGE_MS + 1000)
        scan = TombstoneScan("tombstones", world.repairer, world.current)
        await run_worker(scan, BUDGET)
        assert (scan.status().repaired, all(has_record(world, key))) == (0, True)
        age(world, TOMBSTONE_AGE_MS + 1000)
        await run_worker(TombstoneScan("tombstones", world.repairer, world.current), BUDGET)
        await world.settle()
        assert not any(has_record(world, key))

    run(check)


def test_a_set_without_its_quorum_does_not_end_the_scan():
    async def check(world):
        for drive_id in world.on.drives[:3]:
            world.drives.pop(drive_id)
        scan = TombstoneScan("tombstones", world.repairer, world.current)
        await run_worker(scan, BUDGET)
        assert scan.status().failed == 1

    run(check)


def test_what_a_reader_of_a_replaced_version_still_needs_stays():
    async def check(world):
        await world.put(b"k", PACKED)
        age(world)
        opened = await world.objects.open(BUCKET, ObjectKey(b"k"))
        await world.put(b"k", b"another")
        await run_worker(make_orphans(world), BUDGET)
        assert b"".join([bytes(chunk) async for chunk in opened.stream()]) == PACKED
        await opened.close()
        # Until its grace is over the reclaimer keeps it for readers that are about to pin it.
        await run_worker(make_orphans(world), BUDGET)
        assert count_shards(world) == 4
        await free_all(world)
        assert count_shards(world) == 0

    run(check)


# ── uploads ────────────────────────────────────────────────────────────────────────────────────


def test_a_stale_upload_is_ended_and_its_bytes_are_freed_in_the_end():
    async def check(world):
        key = ObjectKey(b"k")
        upload = await world.objects.create_upload(
            PutRequest(bucket=BUCKET, key=key), checksum_algorithm="", composite=False
        )
        await world.objects.put_part(BUCKET, key, upload.upload_id, 1, WholeBody(PACKED))
        await world.settle()
        young = UploadScan("uploads", world.objects, world.clock, age_s=7 * 86_400)
        await run_worker(young, BUDGET)
        assert young.status().repaired == 0
        age(world, 8 * DAY_MS)
        old = UploadScan("uploads", world.objects, world.clock, age_s=7 * 86_400)
        await run_worker(old, BUDGET)
        assert old.status().repaired == 1
        await free_all(world)
        assert count_shards(world) == 0

    run(check)


async def begin_upload(world, key):
    """Begin an upload; return the key of its register."""
    request = PutRequest(bucket=BUCKET, key=ObjectKey(key))
    await world.objects.create_upload(request, checksum_algorithm="", composite=False)
    await world.settle()


def test_an_upload_that_cannot_be_ended_holds_up_no_other():
    async def check(world):
        owner = await world.put(b"a", b"content")
        for key in (b"a", b"b"):
            await begin_upload(world, key)
        # The object's register has no read quorum any more, so nothing can be proven of its head.
        for drive in list(world.drives.values())[:3]:
            drive.flip(Table.HEADS, owner)
        age(world, 8 * DAY_MS)
        scan = UploadScan("uploads", world.objects, world.clock, age_s=7 * 86_400)
        await run_worker(scan, BUDGET)
        assert (scan.status().repaired, scan.status().failed) == (1, 1)
        assert scan.status().message

    run(check)


def test_uploads_that_cannot_be_listed_do_not_hold_up_other_scans():
    async def check(world):
        await begin_upload(world, b"k")
        for drive_id in list(world.drives)[:3]:
            world.drives[drive_id] = DeadDrive(drive_id)
        scan = UploadScan("uploads", world.objects, world.clock, age_s=0)
        for _ in range(ATTEMPTS_MAX - 1):
            with pytest.raises(QuorumLost):
                await scan.step(BUDGET)
        assert await scan.step(BUDGET) is State.DONE
        assert scan.status().failed == 1

    run(check)


def test_an_owner_that_a_seal_holds_up_keeps_its_orphan_and_the_scan_goes_on():
    async def check(world):
        await plant(world, b"never")
        owner = await world.register_key(b"never")
        # A proposer that died left a value of a bucket that is being deleted on one drive.
        stamp = Stamp(1, 99, 0)
        ballot = make_ballot(clock_from_ms(world.clock.time_ns() // NS_PER_MS), 99)
        value = Value(WriteId(bytes(16)), True, b"", encode_head(ObjectHead([], [], [])))
        await world.drives[world.on.drives[3]].accept(Accept(0, owner, ballot, value, stamp))
        for drive in world.drives.values():
            await drive.seal(Seal(0, owner[:10], 0, stamp))
        age(world)
        scan = make_orphans(world)
        await run_worker(scan, BUDGET)
        assert scan.status().failed == 1
        assert count_shards(world) == 1

    run(check)
