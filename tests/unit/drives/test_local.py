"""A drive at the end of its life."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from atoll.base.clock import SystemClock
from atoll.base.errors import DriveFault, DriveFull
from atoll.base.ids import DriveId, WriteId, make_ballot
from atoll.core.quorum.messages import Accept, Accepted, Prepare, Read, Stamp, Value
from atoll.drives.kv import Put
from atoll.drives.local import LocalDrive, LocalPlace

STAMP = Stamp(1, 7, 0)
BALLOT = make_ballot(1 << 20, 7)
VALUE = Value(WriteId(b"w" * 16), True, head=b"head")


LATER = make_ballot(2 << 20, 7)


class _FullStore:
    """A store without room for one more commit."""

    def commit(self, puts: Sequence[Put], *, sync: bool) -> asyncio.Future[None]:
        del puts, sync
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        failed.set_exception(DriveFull())
        return failed


@pytest.mark.parametrize("is_full", [False, True])
def test_a_closed_drive_answers_with_a_fault_while_its_task_still_runs(
    tmp_path: Path, is_full: bool
) -> None:
    async def ask() -> None:
        drive = await LocalDrive.open(
            DriveId("a" * 32),
            LocalPlace(path=tmp_path, metadata_path=tmp_path),
            SystemClock(),
            sets=[0],
            is_new=True,
            is_blank=False,
        )
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(drive.run())
            assert await drive.accept(Accept(0, b"key", BALLOT, VALUE, STAMP)) == Accepted()
            if is_full:
                drive.acceptor.commit._kv = _FullStore()  # type: ignore[assignment]
            await drive.close()
            # The drive remembers the record of `key`, so no look into the database stops these.
            for late in (
                lambda: drive.accept(Accept(0, b"key", LATER, VALUE, STAMP)),
                lambda: drive.prepare(Prepare(0, b"key", LATER, STAMP)),
                lambda: drive.read(Read(0, b"key", STAMP)),
            ):
                with pytest.raises(DriveFault):
                    await late()
            running.cancel()

    asyncio.run(ask())
