"""Rotation of the root pair while no node runs."""

import asyncio
from pathlib import Path

import pytest

from atoll.base.clock import SystemClock, SystemEntropy
from atoll.base.errors import QuorumLost
from atoll.config.credentials import KeyPair
from atoll.config.errors import ConfigError
from atoll.config.load import load_configuration
from atoll.drives.identity import IDENTITY_FILE, LOCK_FILE, DriveLock, DriveLocked
from atoll.iam.credential_file import read_credential_file
from atoll.node.build import Node
from atoll.node.rotation import rotate_stopped

PAIR = KeyPair("chosen", "chosen-secret")


def configure(tmp_path: Path, count: int = 3):
    return load_configuration({"drives": [str(tmp_path / f"d{n}") for n in range(count)]}, {})


def form(made):
    """Have a node run once on the drives of a configuration."""

    async def run():
        node = await Node.open(made, SystemClock(), SystemEntropy())
        async with asyncio.TaskGroup() as tasks:
            background = tasks.create_task(node.run())
            await asyncio.sleep(0)
            await node.close()
            background.cancel()

    asyncio.run(run())


@pytest.fixture
def configuration(tmp_path):
    """Return the configuration of three drives on which a node has run."""
    made = configure(tmp_path)
    form(made)
    return made


def keys(configuration):
    stored = [read_credential_file(Path(drive)) for drive in configuration.settings.drives]
    return [one and one.pair.access_key for one in stored]


def test_every_drive_takes_the_pair_and_is_unlocked_again(configuration):
    done = rotate_stopped(configuration.settings, PAIR, SystemEntropy())
    assert keys(configuration) == ["chosen"] * 3
    assert (done.access_key, done.generation, done.failed) == ("chosen", 2, ())
    generated = rotate_stopped(configuration.settings, None, SystemEntropy())
    assert keys(configuration) == [generated.access_key] * 3


def test_a_node_that_runs_is_in_the_way(configuration):
    before = keys(configuration)
    lock = DriveLock.take(Path(configuration.settings.drives[1]))
    with pytest.raises(DriveLocked):
        rotate_stopped(configuration.settings, PAIR, SystemEntropy())
    assert keys(configuration) == before
    lock.release()


def test_a_drive_that_is_away_or_damaged_is_left_out_and_most_must_be_there(configuration):
    drives = [Path(drive) for drive in configuration.settings.drives]
    before = keys(configuration)[1]
    (drives[1] / "drive.json").write_text("{}")
    assert len(rotate_stopped(configuration.settings, PAIR, SystemEntropy()).written) == 2
    assert keys(configuration) == ["chosen", before, "chosen"]
    drives[0].rename(drives[0].with_name("away"))
    with pytest.raises(QuorumLost):
        rotate_stopped(configuration.settings, None, SystemEntropy())
    assert keys(configuration) == [None, before, "chosen"]
    assert not drives[0].exists()


@pytest.mark.parametrize("name", [LOCK_FILE, IDENTITY_FILE])
def test_a_drive_that_cannot_be_opened_is_left_out_and_unlocked(configuration, name):
    drive = Path(configuration.settings.drives[1])
    # What cannot be opened as a file stands for a device that answers with errors.
    (drive / name).rename(drive / "kept")
    (drive / name).mkdir()
    assert len(rotate_stopped(configuration.settings, PAIR, SystemEntropy()).written) == 2
    (drive / name).rmdir()
    (drive / "kept").rename(drive / name)
    DriveLock.take(drive).release()


def test_most_of_the_configured_drives_must_take_the_pair(tmp_path):
    made = configure(tmp_path, 5)
    form(made)
    drives = [Path(drive) for drive in made.settings.drives]
    before = keys(made)[0]
    for drive in drives[:2]:
        drive.rename(drive.with_name(drive.name + "-away"))
    # A directory in the place of the file that is renamed: this one takes nothing.
    (drives[2] / "credentials").unlink()
    (drives[2] / "credentials").mkdir()
    with pytest.raises(QuorumLost):
        rotate_stopped(made.settings, PAIR, SystemEntropy())
    stored = [read_credential_file(drive) for drive in drives[3:]]
    assert [one.pair.access_key for one in stored] == [before] * 2


def test_where_no_cluster_is_nothing_is_made(tmp_path):
    with pytest.raises(ConfigError, match="drives: expected drives of a cluster"):
        rotate_stopped(configure(tmp_path).settings, PAIR, SystemEntropy())
    assert list(tmp_path.iterdir()) == []
