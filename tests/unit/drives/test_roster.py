"""A start with a path that cannot be used: the other drives go on without it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from atoll.base.clock import SystemClock, SystemEntropy
from atoll.core.placement.formation import FormationError
from atoll.core.placement.sets import Layout
from atoll.drives.identity import IDENTITY_FILE, LOCK_FILE
from atoll.drives.local import LocalPlace
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
