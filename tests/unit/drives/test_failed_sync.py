"""A drive whose sync failed: nobody is promised anything on what it may or may not have stored."""

import asyncio

import pytest

from atoll.base.errors import DriveFull, DriveIo
from atoll.base.ids import Ballot, WriteId, ballot_clock, clock_from_ms, make_ballot
from atoll.core.quorum.messages import Accept, Accepted, Detail, Prepare, Read, Stamp, Value
from atoll.drives.acceptor import Acceptor
from fakes.entropy import StepClock
from fakes.world import MemoryDrive

KEY = b"b/12345678key"
STAMP = Stamp(1, 7, 0)


def ballot(number) -> Ballot:
    return make_ballot(clock_from_ms(1_700_000_000_000 + number), 7)


def accept(number) -> Accept:
    value = Value(WriteId(bytes([number]) * 16), True, b"s", b"h")
    return Accept(0, KEY, ballot(number), value, STAMP)


def test_a_floor_that_found_no_room_is_raised_by_the_next_batch():
    async def main():
        drive = MemoryDrive("d0", StepClock())
        commits = asyncio.get_running_loop().create_task(drive.acceptor.commit.run())
        drive.kv.next_fault = DriveFull()
        with pytest.raises(DriveFull):
            await drive.accept(accept(1))
        assert await drive.accept(accept(2)) == Accepted()
        commits.cancel()
        # After a restart the floor alone says what a damaged record may have accepted.
        restarted = Acceptor(drive.kv.crash(), StepClock())
        assert restarted.facts.floor >= ballot_clock(ballot(2))

    asyncio.run(main())


def test_a_prepare_that_waited_for_a_failed_sync_is_no_promise():
    async def main():
        drive = MemoryDrive("d0", StepClock())
        commits = asyncio.get_running_loop().create_task(drive.acceptor.commit.run())
        await drive.accept(accept(1))
        # The floor is ahead of the ballots below from here on, so that none of them needs a sync.
        await drive.prepare(Prepare(0, KEY, ballot(2), STAMP))
        drive.kv.fail_next_commit = True
        taken = drive.accept(accept(3))
        # It may be on the medium, so a promise that shows the record before it is a lie.
        promised = drive.prepare(Prepare(0, KEY, ballot(4), STAMP, Detail.WHOLE))
        for answer in (taken, promised):
            with pytest.raises(DriveIo):
                await answer
        with pytest.raises(DriveIo):
            await drive.read(Read(0, KEY, STAMP))
        commits.cancel()

    asyncio.run(main())
