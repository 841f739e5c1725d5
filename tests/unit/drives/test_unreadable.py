"""A damaged record: what it still binds a drive to, and how it is replaced."""

import asyncio

import pytest

from atoll.base.errors import RecordUnreadable
from atoll.base.ids import Ballot, WriteId, clock_from_ms, make_ballot
from atoll.core.quorum.messages import (
    Accept,
    Accepted,
    Detail,
    Prepare,
    Promise,
    Read,
    Record,
    Refusal,
    Refused,
    Restore,
    Stamp,
    Value,
)
from atoll.drives.acceptor import AcceptorRules
from atoll.drives.kv import Table
from atoll.drives.unreadable import UNREADABLE_MAX, UnreadableRecords
from fakes.entropy import StepClock
from fakes.world import MemoryDrive

KEY = b"b/12345678key"
BASE_MS = 1_700_000_000_000
STAMP = Stamp(1, 7, 0)


def ballot(number) -> Ballot:
    return make_ballot(clock_from_ms(BASE_MS + number), 7)


def value(number) -> Value:
    return Value(WriteId(bytes([number]) * 16), True, b"s", b"h", b"inline")


def run(check, rules=None):
    async def main():
        drive = MemoryDrive("d0", StepClock(), rules)
        commits = asyncio.get_running_loop().create_task(drive.acceptor.commit.run())
        try:
            await check(drive)
        finally:
            commits.cancel()

    asyncio.run(main())


async def accept(drive, number, *, completes=False):
    return await drive.accept(
        Accept(0, KEY, ballot(number), value(number), STAMP, completes=completes)
    )


async def read(drive):
    return (await drive.read(Read(0, KEY, STAMP, Detail.WHOLE))).record


def test_every_verb_but_a_higher_accept_fails():
    async def check(drive):
        await accept(drive, 1)
        drive.flip(Table.HEADS, KEY)
        for call in (
            drive.read(Read(0, KEY, STAMP)),
            drive.prepare(Prepare(0, KEY, ballot(9), STAMP)),
        ):
            with pytest.raises(RecordUnreadable):
                await call
        assert await accept(drive, 2) == Accepted()
        assert (await read(drive)).value == value(2)
        promise = await drive.prepare(Prepare(0, KEY, ballot(3), STAMP))
        assert isinstance(promise, Promise)

    run(check)


def forget_and_vote(drive_rules):
    """A drive accepts at 5, its record rots, an accept at 3 comes late. Returns the answer."""
    answers = []

    async def check(drive):
        await accept(drive, 5)
        drive.flip(Table.HEADS, KEY)
        answers.append(await accept(drive, 3, completes=True))

    run(check, drive_rules)
    return answers[0]


def test_no_ballot_below_what_it_had_accepted_passes():
    refused = forget_and_vote(None)
    assert refused.reason is Refusal.BALLOT
    assert refused.ballot >= ballot(5)


def test_without_the_rule_a_drive_forgets_what_it_accepted():
    assert isinstance(forget_and_vote(AcceptorRules(unreadable_records_bind=False)), Accepted)


def test_no_ballot_below_what_it_had_promised_passes():
    async def check(drive):
        await accept(drive, 1)
        await drive.prepare(Prepare(0, KEY, ballot(6), STAMP))
        drive.flip(Table.HEADS, KEY)
        assert isinstance(await accept(drive, 4), Refused)
        assert isinstance(await accept(drive, 6), Refused)
        assert await accept(drive, 7) == Accepted()

    run(check)


def test_the_bound_holds_from_the_moment_the_damage_is_met():
    async def check(drive):
        await accept(drive, 1)
        drive.flip(Table.HEADS, KEY)
        with pytest.raises(RecordUnreadable):
            await drive.read(Read(0, KEY, STAMP))
        # Ballots of other keys do not make the repair's own ballot too old.
        other = Accept(0, b"b/12345678other", ballot(50), value(9), STAMP)
        await drive.accept(other)
        assert await accept(drive, 2) == Accepted()

    run(check)


def test_damage_that_comes_again_is_bounded_anew():
    async def check(drive):
        await accept(drive, 1)
        drive.flip(Table.HEADS, KEY)
        await accept(drive, 5)
        drive.flip(Table.HEADS, KEY)
        assert isinstance(await accept(drive, 3), Refused)
        assert await accept(drive, 6) == Accepted()

    run(check)


def test_damaged_inline_bytes_are_replaced_with_their_head():
    async def check(drive):
        await accept(drive, 1)
        drive.flip(Table.INLINE, KEY)
        assert (await drive.read(Read(0, KEY, STAMP))).record.ballot == ballot(1)
        with pytest.raises(RecordUnreadable):
            await read(drive)
        await accept(drive, 2)
        assert (await read(drive)).value.inline == b"inline"

    run(check)


def test_a_tombstone_over_a_damaged_head_leaves_no_inline_bytes():
    async def check(drive):
        await accept(drive, 1)
        drive.flip(Table.HEADS, KEY)
        gone = Value(WriteId(bytes(16)), False)
        assert await drive.accept(Accept(0, KEY, ballot(2), gone, STAMP)) == Accepted()
        assert drive.kv.get(Table.INLINE, b"\0\0" + KEY) is None

    run(check)


def test_a_drive_that_does_not_vote_on_the_key_takes_a_restore_over_damage():
    async def check(drive):
        await accept(drive, 1)
        drive.flip(Table.HEADS, KEY)
        restore = Restore(0, [(KEY, Record(ballot(1), value(1)))], b"", STAMP)
        with pytest.raises(RecordUnreadable):
            await drive.restore(restore)
        await drive.acceptor.forget_set(0)
        await drive.restore(restore)
        assert (await read(drive)).value == value(1)

    run(check)


def test_bounds_are_bounded():
    records = UnreadableRecords()
    for number in range(UNREADABLE_MAX + 1):
        records.bind(number.to_bytes(4, "big"), 1)
    last = UNREADABLE_MAX.to_bytes(4, "big")
    assert records.bind(last, 9) == make_ballot(1, 2**64 - 1)
    assert records.bind(b"\0\0\0\0", 9) == make_ballot(9, 2**64 - 1)
