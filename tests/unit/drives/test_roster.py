"""A start with a path that cannot be used: the other drives go on without it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from atoll.base.clock import SystemClock, SystemEntropy
from atoll.base.errors import DriveFault
from atoll.base.ids import DriveId
from atoll.core.placement.formation import FormationError
from atoll.core.placement.sets import Layout
from atoll.drives.identity import IDENTITY_FILE, LOCK_FILE
from atoll.drives.local import LocalDrive, LocalPlace
from atoll.drives.roster import Roster


def start(paths: list[Path]) -> tuple[int, list[str]]:
    """Open a roster and close it; return the number of drives and why others are absent."""

    async def run() -> tuple[int, list[str]]:
        places = [LocalPlace(path=path, metadata_path=path) for path in paths]
        roster = await Roster.open(places, Layout(), SystemClock(), SystemEntropy())
        found = (len(roster.drives), [absent.reason for absent in roster.absent])
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(roster.run())
            assert await roster.close() == []
            running.cancel()
        return found

    return asyncio.run(run())


@pytest.mark.parametrize("name", [LOCK_FILE, IDENTITY_FILE])
def test_a_drive_that_cannot_be_opened_stops_no_other(tmp_path: Path, name: str) -> None:
    paths = [tmp_path / f"d{number}" for number in range(4)]
    assert start(paths) == (4, [])
    # What cannot be opened as a file stands for a device that answers with errors.
    (paths[2] / name).rename(paths[2] / "kept")
    (paths[2] / name).mkdir()
    count, (reason,) = start(paths)
    assert count == 3
    assert "Is a directory" in reason
    (paths[2] / name).rmdir()
    (paths[2] / "kept").rename(paths[2] / name)
    assert start(paths) == (4, [])


def test_a_first_start_needs_every_path(tmp_path: Path) -> None:
    paths = [tmp_path / f"d{number}" for number in range(4)]
    (paths[2] / LOCK_FILE).mkdir(parents=True)
    with pytest.raises(FormationError, match="The drive cannot be written"):
        start(paths)
    assert not any((path / IDENTITY_FILE).exists() for path in paths)


def test_a_drive_whose_opening_breaks_off_leaves_nothing_open(tmp_path: Path) -> None:
    place = LocalPlace(path=tmp_path / "d", metadata_path=tmp_path / "d")
    drive_id = DriveId("a" * 32)

    async def attempt() -> None:
        drive = await LocalDrive.open(
            drive_id, place, SystemClock(), sets=[0], is_new=True, is_blank=False
        )
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(drive.run())
            await drive.close()
            running.cancel()

    place.path.mkdir()
    shards = place.path / "shards"
    shards.write_bytes(b"a file where the directory belongs")
    threads = threading.active_count()
    with pytest.raises(DriveFault):
        asyncio.run(attempt())
    assert threading.active_count() == threads
    shards.unlink()
    # The database can be opened again: nothing in this process holds it.
    asyncio.run(attempt())
