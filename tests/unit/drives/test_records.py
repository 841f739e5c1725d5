"""Reads of a record while a commit replaces it: head and inline bytes are two rows."""

import asyncio

import pytest

from atoll.base.errors import RecordUnreadable
from atoll.base.ids import Ballot, WriteId, clock_from_ms, make_ballot
from atoll.core.quorum.messages import Accept, Accepted, Detail, Read, Stamp, Value
from atoll.drives.kv import Table
from fakes.entropy import StepClock
from fakes.world import MemoryDrive

KEY = b"b/12345678key"
STAMP = Stamp(1, 7, 0)


def ballot(number) -> Ballot:
    return make_ballot(clock_from_ms(1_700_000_000_000 + number), 7)


def accept(number, inline: bytes) -> Accept:
    value = Value(WriteId(bytes([number]) * 16), True, b"s", b"h", inline)
    return Accept(0, KEY, ballot(number), value, STAMP)


def race(second: bytes, *, head_first: bool) -> Value:
    """Read a record between whose two rows a commit becomes visible; return what is shown."""
    shown: list[Value] = []

    async def main():
        drive = MemoryDrive("d0", StepClock())
        if head_first:
            drive.acceptor._records._recent._size_bytes_max = 1 << 20
        commits = asyncio.get_running_loop().create_task(drive.acceptor.commit.run())
        assert await drive.accept(accept(1, b"first")) == Accepted()
        if head_first:
            drive.acceptor._records.forget(b"\0\0" + KEY)
            await drive.read(Read(0, KEY, STAMP, Detail.HEAD))
        # The device takes its time, so the second accept is under way while the record is read.
        drive.kv.sync_delay = lambda: 0.01
        accepted = drive.accept(accept(2, second))
        await asyncio.sleep(0)
        get, (under_way,) = drive.kv.get, drive.kv._unsynced

        def get_late(table, key):
            if table is Table.INLINE:
                drive.kv._show(under_way)
            return get(table, key)

        drive.kv.get = get_late
        record = (await drive.read(Read(0, KEY, STAMP, Detail.WHOLE))).record
        assert record.ballot == ballot(2)
        shown.append(record.value)
        assert not drive.acceptor._unreadable._bounds
        await accepted
        commits.cancel()

    asyncio.run(main())
    return shown[0]


@pytest.mark.parametrize("head_first", [False, True])
@pytest.mark.parametrize("second", [b"second, longer", b""])
def test_a_record_replaced_between_its_rows_is_not_damaged(second, head_first):
    assert race(second, head_first=head_first).inline == second


def test_inline_bytes_of_another_ballot_are_damage():
    async def main():
        drive = MemoryDrive("d0", StepClock())
        commits = asyncio.get_running_loop().create_task(drive.acceptor.commit.run())
        await drive.accept(accept(1, b"first"))
        inline = drive.kv.get(Table.INLINE, b"\0\0" + KEY)
        await drive.accept(accept(2, b"second"))
        drive.kv._rows[Table.INLINE][b"\0\0" + KEY] = inline
        with pytest.raises(RecordUnreadable):
            await drive.read(Read(0, KEY, STAMP, Detail.WHOLE))
        commits.cancel()

    asyncio.run(main())
