"""A drive whose directory is gone acknowledges nothing, though every system call succeeds."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from atoll.base.clock import SystemClock
from atoll.base.errors import DriveMissing
from atoll.base.ids import DriveId, WriteId, make_ballot
from atoll.core.quorum.messages import Accept, Accepted, Stamp, Value
from atoll.drives.contract import DriveState
from atoll.drives.directories import HeldDirectory
from atoll.drives.local import LocalDrive, LocalPlace

STAMP = Stamp(1, 7, 0)
VALUE = Value(WriteId(b"w" * 16), True, head=b"head")


def _remove(path: Path) -> None:
    shutil.rmtree(path)


def _replace(path: Path) -> None:
    shutil.rmtree(path)
    path.mkdir()


def _move(path: Path) -> None:
    path.rename(path.with_name("aside"))


def _empty(path: Path) -> None:
    for entry in path.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


@pytest.mark.parametrize("change", [_remove, _replace, _move])
def test_a_directory_that_is_not_the_same_is_missing(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    path = tmp_path / "d"
    path.mkdir()
    held = HeldDirectory(path)
    held.check()
    change(path)
    with pytest.raises(DriveMissing):
        held.check()
    held.release()
    held.release()
    held.check()


def test_what_lies_in_a_directory_may_change(tmp_path: Path) -> None:
    held = HeldDirectory(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    held.check()
    held.release()


@pytest.mark.parametrize("change", [_remove, _replace, _move, _empty])
@pytest.mark.parametrize("asks_first", [False, True])
def test_a_drive_without_its_directory_acknowledges_nothing(
    tmp_path: Path, change: Callable[[Path], None], asks_first: bool
) -> None:
    async def main() -> None:
        path = tmp_path / "d"
        path.mkdir()
        drive = await LocalDrive.open(
            DriveId("a" * 32),
            LocalPlace(path=path, metadata_path=path),
            SystemClock(),
            sets=[0],
            is_new=True,
            is_blank=False,
        )
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(drive.run())
            before = Accept(0, b"key", make_ballot(1 << 20, 7), VALUE, STAMP)
            assert await drive.accept(before) == Accepted()
            change(path)
            if asks_first:
                assert (await drive.status()).state is DriveState.POISONED
            with pytest.raises(DriveMissing):
                await drive.accept(Accept(0, b"key", make_ballot(2 << 20, 7), VALUE, STAMP))
            status = await drive.status()
            assert status.state is DriveState.POISONED
            assert status.reason
            with pytest.raises(DriveMissing):
                await drive.accept(Accept(0, b"other", make_ballot(3 << 20, 7), VALUE, STAMP))
            running.cancel()

    asyncio.run(main())
