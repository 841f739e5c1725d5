"""Healing one key: its register on all drives, then the data it names."""

import asyncio

import pytest

from atoll.base.errors import QuorumLost
from atoll.base.names import ObjectKey
from atoll.base.streams import WholeBody
from atoll.core.formats.register_record import store_key
from atoll.core.quorum.messages import Detail
from atoll.drives.kv import Put, Table
from atoll.jobs.heal.healer import Depth
from atoll.objects.contract import PutRequest
from atoll.registers.members import Spot
from fakes.shard_cluster import content
from fakes.world import BUCKET, DeadDrive, World

SMALL = content(5_000)
PACKED = content(200_001)
LARGE = content((5 << 20) + 1_003)


def run(check, drives=4):
    async def main():
        async with World(drives) as world:
            await check(world)

    asyncio.run(main())


@pytest.mark.parametrize("body", [SMALL, PACKED, LARGE], ids=["inline", "packed", "files"])
def test_what_is_whole_is_left_as_it_is(body):
    async def check(world):
        key = await world.put(b"k", body)
        before = {drive.drive_id: drive.stored(key) for drive in world.drives.values()}
        healed = await world.healer.heal(world.on, key, Depth.BYTES)
        assert (healed.damaged, healed.repaired, healed.left) == (0, 0, frozenset())
        assert before == {drive.drive_id: drive.stored(key) for drive in world.drives.values()}

    run(check)


def test_a_drive_that_missed_a_write_gets_the_record():
    async def check(world):
        late = world.on.drives[3]
        drive = world.drives.pop(late)
        key = await world.put(b"k", SMALL)
        assert drive.stored(key) is None
        healed = await world.healer.heal(world.on, key, Depth.PRESENCE)
        assert healed.left == {late}
        world.drives[late] = drive
        healed = await world.healer.heal(world.on, key, Depth.PRESENCE)
        assert (healed.damaged, healed.repaired, healed.left) == (1, 1, frozenset())
        metrics = world.heal_metrics
        assert (metrics.registers_damaged.value, metrics.registers_repaired.value) == (1, 1)
        found = await world.repairer.inspect(Spot(world.on, key), Detail.WHOLE)
        assert not found.behind
        assert found.newest.value.inline == SMALL

    run(check)


@pytest.mark.parametrize("body", [PACKED, LARGE], ids=["packed", "files"])
@pytest.mark.parametrize("depth", [Depth.PRESENCE, Depth.BYTES])
def test_missing_shards_are_written_again(body, depth):
    async def check(world):
        key = await world.put(b"k", body)
        whole = {(d.drive_id, k): d.shards.bodies[k] for d, k in world.shard_keys()}
        for drive in list(world.drives.values())[:2]:
            drive.shards.bodies.clear()
        healed = await world.healer.heal(world.on, key, depth)
        assert (healed.damaged, healed.repaired, healed.failed) == (2, 2, "")
        metrics = world.heal_metrics
        assert (metrics.shards_damaged.value, metrics.shards_repaired.value) == (2, 2)
        assert metrics.read_bytes.value == healed.size_bytes
        assert (metrics.registers_damaged.value, metrics.failed.value) == (0, 0)
        assert whole == {(d.drive_id, k): d.shards.bodies[k] for d, k in world.shard_keys()}

    run(check)


def test_flipped_bytes_in_the_middle_of_several_shards_are_found_and_repaired():
    async def check(world):
        key = await world.put(b"k", LARGE)
        whole = {(d.drive_id, k): d.shards.bodies[k] for d, k in world.shard_keys()}
        # Three of four shards are damaged, each in another stripe: two good blocks are left.
        for number, (drive, shard) in enumerate(list(world.shard_keys())[:3]):
            body = bytearray(drive.shards.bodies[shard])
            body[200 + number * (1 << 19)] ^= 4
            drive.shards.bodies[shard] = bytes(body)
        presence = await world.healer.heal(world.on, key, Depth.PRESENCE)
        assert presence.damaged == 0
        healed = await world.healer.heal(world.on, key, Depth.BYTES)
        assert (healed.damaged, healed.repaired) == (3, 3)
        assert whole == {(d.drive_id, k): d.shards.bodies[k] for d, k in world.shard_keys()}
        assert await world.get(b"k") == LARGE

    run(check)


def test_a_truncated_shard_is_found_without_reading_every_byte():
    async def check(world):
        key = await world.put(b"k", LARGE)
        drive, shard = next(world.shard_keys())
        whole = drive.shards.bodies[shard]
        drive.shards.bodies[shard] = whole[: len(whole) // 2]
        healed = await world.healer.heal(world.on, key, Depth.PRESENCE)
        assert (healed.damaged, healed.repaired) == (1, 1)
        assert drive.shards.bodies[shard] == whole

    run(check)


def test_more_damage_than_parity_is_said_and_nothing_is_written():
    async def check(world):
        key = await world.put(b"k", PACKED)
        for drive in list(world.drives.values())[:3]:
            drive.shards.bodies.clear()
        healed = await world.healer.heal(world.on, key, Depth.BYTES)
        assert "More shards are damaged" in healed.failed
        assert world.heal_metrics.failed.value == 1
        assert sum(1 for _ in world.shard_keys()) == 1

    run(check)


def test_a_lost_drive_is_left_and_the_others_are_repaired():
    async def check(world):
        key = await world.put(b"k", PACKED)
        ids = world.on.drives
        world.drives[ids[0]] = DeadDrive(ids[0])
        world.drives[ids[1]].shards.bodies.clear()
        healed = await world.healer.heal(world.on, key, Depth.PRESENCE)
        assert (healed.repaired, healed.failed, healed.left) == (1, "", {ids[0]})
        assert len(world.drives[ids[1]].shards.bodies) == 1

    run(check)


def test_damage_beyond_parity_that_an_absent_drive_may_cure_is_not_called_a_loss():
    async def check(world):
        key = await world.put(b"k", PACKED)
        ids = world.on.drives
        world.drives.pop(ids[0])
        for drive_id in ids[1:3]:
            world.drives[drive_id].shards.bodies.clear()
        healed = await world.healer.heal(world.on, key, Depth.PRESENCE)
        assert healed.failed == ""
        assert "Too few drives" in healed.later

    run(check)


def test_data_of_a_value_that_was_replaced_meanwhile_is_no_loss():
    async def check(world):
        key = await world.put(b"k", PACKED)

        class Replacing:
            async def heal(self, ref, *, verify):
                for drive in world.drives.values():
                    drive.shards.bodies.clear()
                request = PutRequest(bucket=BUCKET, key=ObjectKey(b"k"))
                await world.objects.put(request, WholeBody(SMALL))
                return await world.shard_repairer.heal(ref, verify=verify)

        world.healer._shards = Replacing()
        healed = await world.healer.heal(world.on, key, Depth.BYTES)
        assert (healed.damaged, healed.failed) == (0, "")

    run(check)


# ── damaged records ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("table", [Table.HEADS, Table.INLINE])
@pytest.mark.parametrize("drives", [2, 3, 4])
def test_a_damaged_record_is_never_shown_is_rewritten_and_votes_again(table, drives):
    async def check(world):
        key = await world.put(b"k", SMALL)
        for drive_id in world.on.drives:
            drive = world.drives[drive_id]
            drive.flip(table, key)
            assert await world.get(b"k") == SMALL
            found = await world.repairer.inspect(Spot(world.on, key), Detail.WHOLE)
            assert found.unreadable == (drive_id,)
            assert (0, key) in world.hinted
            healed = await world.healer.heal(world.on, key, Depth.RECORDS)
            assert (healed.damaged, healed.repaired, healed.left) == (1, 1, frozenset())
            again = await world.repairer.inspect(Spot(world.on, key), Detail.WHOLE)
            assert not again.behind
        assert await world.get(b"k") == SMALL
        if drives == 4:
            # The healed drive votes: without another one its vote is needed for the write.
            world.drives.pop(world.on.drives[0])
            await world.put(b"k", b"next")
            assert await world.get(b"k") == b"next"

    run(check, drives)


def test_a_record_that_only_a_damaged_drive_held_becomes_a_tombstone():
    async def check(world):
        key = await world.put(b"k", SMALL)
        others = list(world.drives.values())[1:]
        for drive in others:
            for table in (Table.HEADS, Table.INLINE):
                await drive.kv.commit([_removal(table, key)], sync=True)
        first = world.drives[world.on.drives[0]]
        first.flip(Table.HEADS, key)
        healed = await world.healer.heal(world.on, key, Depth.PRESENCE)
        assert healed.repaired == 1
        found = await world.repairer.inspect(Spot(world.on, key))
        assert not found.behind
        assert not found.newest.value.live

    run(check)


def _removal(table, key):
    return Put(table, store_key(0, key), None)


def test_all_copies_damaged_is_an_error_not_an_absent_key():
    async def check(world):
        key = await world.put(b"k", SMALL)
        for drive in world.drives.values():
            drive.flip(Table.HEADS, key)
        with pytest.raises(QuorumLost):
            await world.get(b"k")
        with pytest.raises(QuorumLost):
            await world.healer.heal(world.on, key, Depth.RECORDS)

    run(check)


def test_without_redundancy_a_damaged_record_is_not_invented_anew():
    async def check(world):
        key = await world.put(b"k", SMALL)
        world.drives[world.on.drives[0]].flip(Table.HEADS, key)
        with pytest.raises(QuorumLost):
            await world.healer.heal(world.on, key, Depth.RECORDS)
        assert world.drives[world.on.drives[0]].stored(key) is not None

    run(check, 1)
