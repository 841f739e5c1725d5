"""What an acceptor answered for is on the medium: seals and the horizon."""

import asyncio

import pytest

from atoll.base.errors import DriveFull
from atoll.base.ids import Ballot, WriteId, clock_from_ms, make_ballot
from atoll.core.quorum.messages import Accept, Accepted, Drop, Seal, Stamp, Value
from atoll.drives.acceptor import Acceptor
from atoll.drives.facts import Facts, SealFact
from atoll.drives.memory_kv import MemoryKv
from fakes.entropy import StepClock

STAMP = Stamp(1, 7, 0)
PREFIX = b"b/12345678"
SEAL = Seal(0, PREFIX, 3, STAMP)


def ballot(number: int) -> Ballot:
    return make_ballot(clock_from_ms(1_700_000_000_000 + number), 7)


def after_power_cut(kv: MemoryKv) -> Facts:
    """Return the facts a drive starts with when nothing unsynced survived."""
    return Facts.load(kv.crash(0))


def run(check):
    async def main():
        kv = MemoryKv()
        acceptor = Acceptor(kv, StepClock())
        async with asyncio.TaskGroup() as tasks:
            commits = tasks.create_task(acceptor.commit.run())
            await check(kv, acceptor)
            commits.cancel()

    asyncio.run(main())


def test_the_second_of_two_equal_seals_waits_for_the_first():
    async def check(kv, acceptor):
        first, second = acceptor.seal(SEAL), acceptor.seal(SEAL)
        assert not second.done()
        await second
        assert first.done()
        assert after_power_cut(kv).seals == {(0, PREFIX): SealFact(3, False)}

    run(check)


def test_a_seal_that_found_no_room_is_stored_by_the_next_one():
    async def check(kv, acceptor):
        kv.next_fault = DriveFull()
        with pytest.raises(DriveFull):
            await acceptor.seal(SEAL)
        await acceptor.seal(Seal(0, PREFIX, 2, STAMP))
        assert after_power_cut(kv).seals == {(0, PREFIX): SealFact(3, False)}

    run(check)


def test_a_horizon_that_found_no_room_is_stored_by_the_next_drop():
    async def check(kv, acceptor):
        for number, key in ((1, b"low"), (2, b"high")):
            value = Value(WriteId(bytes([number]) * 16), False)
            request = Accept(0, key, ballot(number), value, STAMP)
            assert await acceptor.accept(request) == Accepted()
        kv.next_fault = DriveFull()
        with pytest.raises(DriveFull):
            await acceptor.drop(Drop(0, b"high", ballot(2), STAMP))
        assert await acceptor.drop(Drop(0, b"low", ballot(1), STAMP))
        assert after_power_cut(kv).horizon >= ballot(1)

    run(check)
