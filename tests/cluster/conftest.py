"""Fixtures of the tests with real processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.node_process import NodeProcess
from cluster.s3_client import S3Client


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NodeProcess]:
    """Return a running node on four new drives; it is killed at the end."""
    with NodeProcess(tmp_path) as running:
        yield running


@pytest.fixture
def client(node: NodeProcess) -> Iterator[S3Client]:
    """Return a client of the node, with bucket `box`."""
    made = S3Client(node)
    assert made.put("/box", b"").status == 200
    yield made
    made.close()
