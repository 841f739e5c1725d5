"""Values that a seal keeps from being completed: when they may become tombstones, and how."""

import asyncio

import pytest

from atoll.base.errors import BucketNotFound, Contended
from atoll.base.ids import Ballot, WriteId, clock_from_ms, make_ballot
from atoll.core.quorum.messages import Accept, Accepted, Detail, Read, Record, Seal, Stamp, Value
from atoll.registers.contract import SEAL_PREFIX_BYTES
from atoll.registers.members import Spot
from atoll.registers.resolver import SEALED_ATTEMPTS_MAX, Resolver
from fakes.world import World

KEY = b"b/12345678key"
STRANGER = 99
STAMP = Stamp(1, STRANGER, 0)


def ballot_of(world: World) -> Ballot:
    return make_ballot(clock_from_ms(world.clock.time_ns() // 1_000_000), STRANGER)


async def put_on(world: World, places: list[int]) -> Value:
    """Have some drives accept a value of a proposer that died; return it."""
    value = Value(WriteId(bytes([7]) * 16), True, b"s", b"h")
    request = Accept(0, KEY, ballot_of(world), value, STAMP)
    for place in places:
        assert await world.drives[world.on.drives[place]].accept(request) == Accepted()
    return value


async def seal(world: World) -> None:
    request = Seal(0, KEY[:SEAL_PREFIX_BYTES], 0, STAMP)
    for drive in world.drives.values():
        await drive.seal(request)


async def complete(world: World, spot: Spot, *, kill_sealed: bool) -> Record | None:
    """Complete the key as the resolver does, which waits for its turn."""
    await world.registers.turns.take(spot.key)
    try:
        return await world.registers.proposer.complete(spot, kill_sealed=kill_sealed)
    finally:
        world.registers.turns.give(spot.key)


async def held(world: World) -> dict[Ballot, set[WriteId]]:
    """Return the write ids that drives hold of the key, by ballot."""
    found: dict[Ballot, set[WriteId]] = {}
    for drive in world.drives.values():
        record = (await drive.read(Read(0, KEY, STAMP))).record
        if record is not None:
            found.setdefault(record.ballot, set()).add(record.value.write_id)
    return found


def test_a_value_few_drives_hold_becomes_a_tombstone_at_a_ballot_of_its_own():
    async def main():
        async with World() as world:
            spot = Spot(world.on, KEY)
            await put_on(world, [0, 1])
            await seal(world)
            with pytest.raises(BucketNotFound):
                await complete(world, spot, kill_sealed=False)
            record = await complete(world, spot, kill_sealed=True)
            assert not record.value.live
            assert all(len(ids) == 1 for ids in (await held(world)).values())
            assert not (await world.registers.reader.read(spot, Detail.HEAD)).value.live
            assert not world.registers.proposer.unresolved

    asyncio.run(main())


def test_a_value_that_may_have_been_chosen_stays():
    async def main():
        async with World() as world:
            spot = Spot(world.on, KEY)
            value = await put_on(world, [0, 1, 2])
            await seal(world)
            away = world.drives.pop(world.on.drives[0])
            with pytest.raises(BucketNotFound):
                await complete(world, spot, kill_sealed=True)
            world.drives[away.drive_id] = away
            found = await complete(world, spot, kill_sealed=True)
            assert found.value == value

    asyncio.run(main())


def test_a_read_that_meets_such_a_value_may_be_tried_again():
    async def main():
        async with World() as world:
            await put_on(world, [0, 1])
            await seal(world)
            with pytest.raises(Contended):
                await world.registers.reader.read(Spot(world.on, KEY), Detail.HEAD)

    asyncio.run(main())


def test_a_key_that_somebody_else_decided_begins_to_count_its_refusals_anew():
    async def main():
        async with World() as world:
            spot = Spot(world.on, KEY)
            proposer = world.registers.proposer
            resolver = Resolver(proposer, world.registers.turns)
            proposer.on_unresolved = resolver.add
            await put_on(world, [0, 1])
            await seal(world)
            proposer.unresolved[(0, KEY)] = []
            resolver.add(spot)
            for _ in range(SEALED_ATTEMPTS_MAX):
                assert not await resolver.step()
            proposer.close_all(spot)
            assert await resolver.step()
            proposer.unresolved[(0, KEY)] = []
            resolver.add(spot)
            assert not await resolver.step()

    asyncio.run(main())
