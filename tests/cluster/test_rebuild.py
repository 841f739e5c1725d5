"""Scenario 21: a blank drive is rebuilt while the node serves. Any number of drives and sets."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from cluster.harness.history import make_content
from cluster.harness.kept import check_all, put_all
from cluster.node_process import NodeProcess, wait_until
from cluster.s3_client import S3Client

pytestmark = [pytest.mark.process, pytest.mark.slow]

_SIZES = (100, 60_000, 1_200_000)


def _fill(client: S3Client, count: int) -> dict[str, bytes]:
    kept = {f"/box/k{n:03}": make_content(f"k{n}", _SIZES[n % 3]) for n in range(count)}
    put_all(client, kept)
    return kept


def _check(client: S3Client, kept: dict[str, bytes]) -> None:
    check_all(client, kept)
    assert [f"/box/{key}" for key in client.list_keys("box", page=11)] == sorted(kept)


def _rebuilds(client: S3Client) -> list[dict[str, Any]]:
    answer = client.call("GET", "/_atoll/admin/v1/jobs")
    assert answer.status == 200, answer.body
    return [job for job in answer.json()["jobs"] if job["kind"] == "rebuild"]


def _shard_count(drive: Path) -> int:
    return len(list(drive.glob("shards/*/*")))


def test_s21_a_blank_drive_is_rebuilt_unattended_while_the_node_serves(
    node: NodeProcess, client: S3Client
) -> None:
    kept = _fill(client, 45)
    blank = node.drives[2]
    shards = _shard_count(blank)
    assert shards == 15
    node.kill()
    shutil.rmtree(blank)
    node.start()
    # It serves at once, and begins without being asked.
    kept["/box/new"] = make_content("new", 60_000)
    assert client.put("/box/new", kept["/box/new"]).status == 200
    wait_until(lambda: len(_rebuilds(client)) == 1, 15.0)
    _check(client, kept)
    # Registers come before shards: the drive votes again, then holds its shards again.
    wait_until(lambda: client.drive_states() == ["ok"] * 4, 30.0)
    wait_until(lambda: _rebuilds(client)[0]["state"] == "done", 60.0)
    assert _shard_count(blank) == shards
    # Full redundancy: the rebuilt drive and one other are enough to read everything.
    for drive in (node.drives[0], node.drives[3]):
        shutil.rmtree(drive / "shards")
        (drive / "shards").mkdir()
    _check(client, kept)


def test_s21_a_drive_removed_under_a_running_node_counts_no_longer(
    node: NodeProcess, client: S3Client
) -> None:
    kept = _fill(client, 9)
    shutil.rmtree(node.drives[1])
    for number in range(6):
        key = f"/box/later{number}"
        kept[key] = make_content(key, _SIZES[number % 3])
        assert client.put(key, kept[key]).status == 200
    assert client.drive_states() == ["ok", "poisoned", "ok", "ok"]
    _check(client, kept)
    node.kill()
    # What was acknowledged meanwhile is on three drives, so one of them may go as well.
    shutil.rmtree(node.drives[3])
    node.start()
    wait_until(lambda: client.drive_states() == ["ok"] * 4, 30.0)
    _check(client, kept)


def test_s21_a_rebuild_survives_a_crash(node: NodeProcess, client: S3Client) -> None:
    kept = _fill(client, 45)
    shards = _shard_count(node.drives[1])
    node.kill()
    shutil.rmtree(node.drives[1])
    for _ in range(3):
        node.start()
        wait_until(lambda: len(_rebuilds(client)) > 0, 15.0)
        node.kill()
    node.start()
    wait_until(lambda: client.drive_states() == ["ok"] * 4, 30.0)
    wait_until(lambda: _shard_count(node.drives[1]) == shards, 60.0)
    _check(client, kept)


@pytest.mark.parametrize("count", [1, 2, 3, 6, 16])
def test_any_number_of_drives_keeps_objects_over_a_crash(tmp_path: Path, count: int) -> None:
    with NodeProcess(tmp_path, drives=count) as node, S3Client(node) as client:
        assert client.put("/box", b"").status == 200
        kept = _fill(client, 9)
        node.kill()
        node.start()
        assert client.drive_states() == ["ok"] * count
        _check(client, kept)


def test_two_sets_of_four_hold_all_and_lose_one_drive_each(tmp_path: Path) -> None:
    options = ["--set-drives", "4"]
    with NodeProcess(tmp_path, drives=8, options=options) as node, S3Client(node) as client:
        assert client.put("/box", b"").status == 200
        kept = _fill(client, 60)
        held = [_shard_count(drive) for drive in node.drives]
        assert min(held) > 0, "a set holds nothing"
        assert sum(held) == 4 * 20, "each object lies in one set of four"
        _check(client, kept)
        sets = [view["sets"] for view in client.drive_views()]
        node.kill()
        for number in (0, next(n for n in range(8) if sets[n] != sets[0])):
            shutil.rmtree(node.drives[number])
        node.start()
        _check(client, kept)
        assert client.put("/box/more", b"written on").status == 200
        wait_until(lambda: client.drive_states() == ["ok"] * 8, 30.0)
