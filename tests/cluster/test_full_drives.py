"""Scenario 7: small file systems that fill up. Needs the right to mount a tmpfs."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.harness.history import make_content
from cluster.harness.small_drives import node_on_tmpfs
from cluster.node_process import NodeProcess, wait_until
from cluster.s3_client import S3Client

pytestmark = [pytest.mark.process, pytest.mark.slow]

_MIB = 1 << 20
_DRIVE_BYTES = 96 * _MIB


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NodeProcess]:
    """Return a node whose drives are small file systems of their own."""
    with node_on_tmpfs(tmp_path, f"size={_DRIVE_BYTES}") as running:
        yield running


def _fill(client: S3Client, name: str, size: int) -> list[str]:
    """Put objects until there is no room, and none comes back; return the keys that were taken."""
    kept: list[str] = []
    refused_s = 0.0
    while len(kept) < 10_000:
        key = f"/box/{name}{len(kept):04}"
        answer = client.put(key, make_content(key, size))
        if answer.status == 200:
            kept.append(key)
            refused_s = 0.0
            continue
        assert answer.status in (503, 507), answer.body
        # The database gives back its log when it is told of the want of room, about every second.
        refused_s = refused_s or time.monotonic()
        time.sleep(0.1)
        if time.monotonic() - refused_s > 3.0:
            return kept
    raise AssertionError("the drives never got full")


def _check(client: S3Client, keys: list[str], size: int) -> None:
    for key in keys:
        assert client.get(key).body == make_content(key, size), key


@pytest.mark.parametrize("size", [2 * _MIB, 200_000, 8192])
def test_s07_full_drives_refuse_writes_and_serve_everything_else(
    node: NodeProcess, client: S3Client, size: int
) -> None:
    if size < 16_384:
        # Small objects would take long to fill a drive: most of the room is taken from outside.
        for drive in node.drives:
            (drive / "ballast").write_bytes(bytes(_DRIVE_BYTES - 28 * _MIB))
    upload = client.create_upload("/box/parts")
    assert client.put_part("/box/parts", upload, 1, make_content("part", size)).status == 200
    kept = _fill(client, "k", size)
    assert len(kept) > 5
    part = make_content("part", size)
    wait_until(lambda: client.put_part("/box/parts", upload, 2, part).status in (503, 507), 30.0)
    _check(client, kept[:: max(1, len(kept) // 20)], size)
    assert len(list(client.list_keys("box"))) == len(kept)
    # Deletes are what a full drive is asked for, and uploads can be given up.
    assert client.call("DELETE", "/box/parts", query={"uploadId": upload}).status == 204
    gone = kept[: len(kept) // 2]
    for key in gone:
        assert client.delete(key).status == 204
    kept = kept[len(gone) :]
    assert len(list(client.list_keys("box"))) == len(kept)
    if size < 16_384:
        for drive in node.drives:
            (drive / "ballast").unlink()
    # Room comes back without a restart.
    wait_until(lambda: client.put("/box/room", make_content("room", size)).status == 200, 30.0)
    node.kill()
    node.start()
    _check(client, kept[:: max(1, len(kept) // 20)], size)


def test_s07_drives_filled_from_outside_recover_without_a_restart(
    node: NodeProcess, client: S3Client
) -> None:
    key = "/box/before"
    content = make_content(key, 2 * _MIB)
    assert client.put(key, content).status == 200
    for drive in node.drives:
        _take_all(drive / "ballast")
    # A measured capacity is believed for a moment.
    wait_until(lambda: client.put("/box/probe", bytes(8192)).status != 200, 20.0)
    for size in (4096, 100_000, 2 * _MIB):
        assert client.put(f"/box/refused{size}", bytes(size)).status in (500, 503, 507)
    assert client.get(key).body == content
    assert list(client.list_keys("box"))[0] == "before"
    for drive in node.drives:
        (drive / "ballast").unlink()
    wait_until(lambda: client.put("/box/after", content).status == 200, 30.0)
    assert client.delete(key).status == 204
    assert client.drive_states() == ["ok"] * 4
    assert node.stop() == 0
    node.start()
    assert client.get("/box/after").body == content


def _take_all(path: Path) -> None:
    """Take every byte of a file system."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(file, bytes(_MIB))
    except OSError:
        pass
    try:
        while True:
            os.write(file, bytes(4096))
    except OSError:
        pass
    finally:
        os.close(file)
