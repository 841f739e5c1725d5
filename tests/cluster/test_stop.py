"""Clean stops: while the node works on its own, and under load."""

from __future__ import annotations

import shutil
import signal
import threading
from pathlib import Path

import pytest

from cluster.harness.load import Writer, running
from cluster.node_process import NodeProcess
from cluster.s3_client import S3Client

pytestmark = [pytest.mark.process, pytest.mark.slow]


def test_a_node_that_rebuilds_a_drive_stops_cleanly(node: NodeProcess, client: S3Client) -> None:
    for number in range(60):
        assert client.put(f"/box/k{number}", bytes(4096)).status == 200
    for _ in range(4):
        assert node.stop() == 0, node.errors
        shutil.rmtree(node.drives[1])
        node.start()
        # The rebuild of the blank drive begins at once; the stop meets it anywhere.
    assert node.stop() == 0, node.errors
    assert "Traceback" not in node.errors


def test_a_closed_terminal_is_a_clean_stop_but_for_a_node_under_nohup(tmp_path: Path) -> None:
    with NodeProcess(tmp_path, drives=1) as node:
        node.signal(signal.SIGHUP)
        assert node.wait(30.0) == 0, node.errors
        assert "stopping" in node.errors
    inherited = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with NodeProcess(tmp_path, drives=1, fresh=True) as node:
            node.signal(signal.SIGHUP)
            with S3Client(node) as client:
                assert client.put("/box", b"").status == 200
            assert node.stop() == 0, node.errors
    finally:
        signal.signal(signal.SIGHUP, inherited)


def test_all_addresses_are_announced_by_one_that_every_client_knows(tmp_path: Path) -> None:
    with NodeProcess(tmp_path, drives=1, options=["--listen", ":0"]) as node:
        assert node.said.count("http://127.0.0.1:") == 2, node.said


def test_a_node_under_load_stops_cleanly_and_forgets_nothing(
    node: NodeProcess, client: S3Client
) -> None:
    writers = [Writer(node, "box", f"w{number}", number) for number in range(3)]
    for _ in range(3):
        with running(writers, threading.Event()):
            while sum(writer.ledger.acknowledged for writer in writers) < 10:
                assert node.is_running
            assert node.stop() == 0, node.errors
        assert "Traceback" not in node.errors
        node.start()
        for writer in writers:
            writer.ledger.read_back(client)
