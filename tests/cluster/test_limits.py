"""Scenario 8: descriptors and inodes run out; load is shed, nothing is damaged."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.harness.history import make_content
from cluster.harness.kept import check_all
from cluster.harness.small_drives import node_on_tmpfs
from cluster.node_process import NodeProcess, wait_until
from cluster.s3_client import Answer, S3Client, Unanswered

pytestmark = [pytest.mark.process, pytest.mark.slow]

_LARGE = 2_000_000


def _try_put(node: NodeProcess, key: str, content: bytes) -> Answer | None:
    """Put over a new connection; None: the node had no descriptor for it."""
    with S3Client(node, timeout_s=15.0) as client:
        try:
            return client.put(key, content)
        except Unanswered:
            return None


def test_s08_without_descriptors_load_is_shed_and_nothing_is_damaged(tmp_path: Path) -> None:
    with NodeProcess(tmp_path, files_max=256) as node, S3Client(node) as client:
        assert client.put("/box", b"").status == 200
        kept = {"/box/before": make_content("before", _LARGE)}
        assert client.put("/box/before", kept["/box/before"]).status == 200
        idle: list[socket.socket] = []
        try:
            while node.descriptors() < 250 and len(idle) < 300:
                idle.append(socket.create_connection(("127.0.0.1", node.port), 20.0))
                wait_until(lambda: node.descriptors() > 0, 20.0)
            assert len(idle) > 50
            for number in range(6):
                key, content = f"/box/short{number}", make_content(f"short{number}", _LARGE)
                # The first connection is old: what is refused is the file, not the request.
                answer = client.put(key, content)
                assert answer.status in (200, 500, 503), answer.body
                if answer.status == 200:
                    kept[key] = content
            for number in range(3):
                new = _try_put(node, f"/box/new{number}", b"over a new connection")
                assert new is None or new.status in (200, 500, 503)
        finally:
            for connection in idle:
                connection.close()
        wait_until(lambda: client.put("/box/after", b"room again").status == 200, 20.0)
        assert node.is_running
        check_all(client, kept)
        assert client.drive_states() == ["ok"] * 4, client.drive_views()
        assert node.stop() == 0, node.errors


@pytest.fixture
def few_inodes(tmp_path: Path) -> Iterator[NodeProcess]:
    """Return a node whose drives have few inodes."""
    with node_on_tmpfs(tmp_path, f"size={256 << 20},nr_inodes=1000") as running:
        yield running


def test_s08_without_inodes_writes_are_refused_and_deletes_make_room(
    few_inodes: NodeProcess,
) -> None:
    node = few_inodes
    with S3Client(node) as client:
        assert client.put("/box", b"").status == 200
        kept: dict[str, bytes] = {}
        for number in range(60):
            assert (
                client.put(f"/box/k{number}", make_content(f"k{number}", 1_200_000)).status == 200
            )
            kept[f"/box/k{number}"] = make_content(f"k{number}", 1_200_000)
            if number == 20:
                for drive in node.drives:
                    _take_inodes(drive)
                break
        for number in range(4):
            refused = client.put(f"/box/refused{number}", bytes(1_200_000))
            assert refused.status in (503, 507), refused.body
        check_all(client, kept)
        gone = sorted(kept)[:5]
        for key in gone:
            assert client.delete(key).status == 204
            del kept[key]
        for drive in node.drives:
            for path in drive.glob("taken/*"):
                path.unlink()
        wait_until(lambda: client.put("/box/after", bytes(1_200_000)).status == 200, 20.0)
        check_all(client, kept)
        assert client.drive_states() == ["ok"] * 4, client.drive_views()
        assert node.stop() == 0, node.errors


def _take_inodes(drive: Path) -> None:
    """Take every inode of a file system."""
    (drive / "taken").mkdir()
    number = 0
    try:
        while True:
            (drive / "taken" / f"{number}").touch()
            number += 1
    except OSError:
        assert number > 5
