"""Clean stops: while the node works on its own, and under load."""

from __future__ import annotations

import shutil
import threading

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
