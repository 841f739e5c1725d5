"""Scenarios 9 and 10, and starts that cannot succeed: who may own a drive, and what is said
otherwise."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest

from cluster.node_process import NodeProcess, StartFailed
from cluster.s3_client import S3Client

pytestmark = [pytest.mark.process, pytest.mark.slow]

#: docs/operations/exit-codes.md
_USAGE, _START = 2, 6


def _assert_one_line(failed: StartFailed) -> None:
    lines = failed.errors.splitlines()
    assert len(lines) == 1, failed.errors
    assert lines[0].startswith("atoll: ")


def test_s09_a_second_process_on_the_same_drives_is_refused_with_the_pid(
    node: NodeProcess, client: S3Client, tmp_path: Path
) -> None:
    second = NodeProcess(tmp_path / "second", drives=node.drives)
    with pytest.raises(StartFailed) as failed:
        second.start()
    assert failed.value.code == _START
    _assert_one_line(failed.value)
    assert str(node.pid) in failed.value.errors
    # One shared drive is enough to be refused, and the refusal disturbs nobody.
    third = NodeProcess(tmp_path / "third", drives=[tmp_path / "new", node.drives[3]])
    with pytest.raises(StartFailed) as failed:
        third.start()
    assert failed.value.code == _START
    assert client.put("/box/k", b"still here").status == 200


def test_s10_a_drive_of_another_cluster_is_refused_and_kept(tmp_path: Path) -> None:
    with NodeProcess(tmp_path / "one") as one, S3Client(one) as client:
        assert client.put("/box", b"").status == 200
        assert client.put("/box/k", b"content").status == 200
        one.stop()
        with NodeProcess(tmp_path / "two") as two:
            two.stop()
        foreign = two.drives[2]
        identity = (foreign / "drive.json").read_bytes()
        one.drives[2] = foreign
        one.start()
        assert client.drive_states() == ["ok", "ok", "missing", "ok"]
        assert client.get("/box/k").body == b"content"
        assert client.put("/box/k2", b"three drives are enough").status == 200
        one.kill()
    assert (foreign / "drive.json").read_bytes() == identity


def test_s10_a_clone_and_a_rewound_drive_do_not_vote(
    node: NodeProcess, client: S3Client, tmp_path: Path
) -> None:
    assert client.put("/box/k", b"old").status == 200
    node.stop()
    old = tmp_path / "old-d4"
    shutil.copytree(node.drives[3], old)
    node.start()
    assert client.put("/box/k", b"new").status == 200
    node.stop()
    # A clone of drive 4 in the place of drive 1: the older of the two is refused.
    home = list(node.drives)
    node.drives[0] = old
    node.start()
    assert client.drive_states()[0] == "missing"
    assert client.get("/box/k").body == b"new"
    node.stop()
    # The old copy alone is a drive that has forgotten: it must be rebuilt before it votes.
    node.drives[:] = [*home[:3], old]
    node.start()
    assert client.get("/box/k").body == b"new"
    view = client.drive_views()[3]
    assert (view["state"], view["reason"]) == ("blank", "was rewound to an older state")


def test_a_busy_port_is_one_line_and_code_6(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        node = NodeProcess(tmp_path, options=["--listen", f"127.0.0.1:{port}"])
        with pytest.raises(StartFailed) as failed:
            node.start()
    assert failed.value.code == _START
    _assert_one_line(failed.value)
    assert str(port) in failed.value.errors


def test_a_drive_that_is_a_file_is_one_line_and_code_6(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"no directory")
    node = NodeProcess(tmp_path, drives=[tmp_path / "file"])
    with pytest.raises(StartFailed) as failed:
        node.start()
    assert failed.value.code == _START
    _assert_one_line(failed.value)
    assert "file" in failed.value.errors


def test_a_wrong_setting_is_one_line_and_code_2(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path, options=["--parity", "many"])
    with pytest.raises(StartFailed) as failed:
        node.start()
    assert failed.value.code == _USAGE
    _assert_one_line(failed.value)


def test_drives_of_two_clusters_in_equal_number_are_refused(tmp_path: Path) -> None:
    drives = []
    for name in ("one", "two"):
        with NodeProcess(tmp_path / name, drives=2) as node:
            node.stop()
        drives += node.drives
    both = NodeProcess(tmp_path / "both", drives=drives)
    with pytest.raises(StartFailed) as failed:
        both.start()
    assert failed.value.code == _START
    _assert_one_line(failed.value)
