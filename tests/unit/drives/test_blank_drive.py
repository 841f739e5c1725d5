"""A drive that is being rebuilt: what it may vote on, and what a late accept may not undo."""

import asyncio

import pytest

from atoll.base.errors import DriveBlank
from atoll.base.ids import Ballot, WriteId, clock_from_ms, make_ballot
from atoll.core.quorum.messages import (
    Accept,
    Accepted,
    Read,
    Record,
    Refusal,
    Refused,
    Restore,
    Stamp,
    Value,
)
from fakes.entropy import StepClock
from fakes.world import MemoryDrive

KEY = b"b/12345678key"
STAMP = Stamp(1, 7, 0)


def ballot(number) -> Ballot:
    return make_ballot(clock_from_ms(1_700_000_000_000 + number), 7)


def value(number) -> Value:
    return Value(WriteId(bytes([number]) * 16), True, b"s", b"h")


def accept(number) -> Accept:
    return Accept(0, KEY, ballot(number), value(number), STAMP)


def restore(number, until: bytes) -> Restore:
    return Restore(0, [(KEY, Record(ballot(number), value(number)))], until, STAMP)


def run(check):
    async def main():
        drive = MemoryDrive("d0", StepClock())
        commits = asyncio.get_running_loop().create_task(drive.acceptor.commit.run())
        await drive.acceptor.forget_set(0)
        await check(drive)
        commits.cancel()

    asyncio.run(main())


async def read(drive) -> Record:
    return (await drive.read(Read(0, KEY, STAMP))).record


def test_a_repeated_accept_is_no_vote_either():
    async def check(drive):
        for _ in range(2):
            with pytest.raises(DriveBlank):
                await drive.accept(accept(1))

    run(check)


def test_an_accept_under_way_with_a_newer_copy_does_not_put_an_older_record_over_it():
    async def check(drive):
        copied = drive.restore(restore(5, b""))
        late = drive.accept(accept(3))
        await copied
        assert await late == Refused(Refusal.BALLOT, ballot(5))
        assert (await read(drive)).ballot == ballot(5)

    run(check)


def test_an_accept_above_the_copy_under_way_is_taken_and_not_counted():
    async def check(drive):
        copied = drive.restore(restore(5, b""))
        newer = drive.accept(accept(7))
        await copied
        with pytest.raises(DriveBlank):
            await newer
        assert (await read(drive)).ballot == ballot(7)
        assert await drive.accept(accept(7)) == Accepted()

    run(check)
