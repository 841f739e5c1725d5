"""Fixtures of the tests with real processes."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.node_process import NodeProcess
from cluster.s3_client import S3Client

#: A file system in memory: what a process leaves behind does not depend on the device, and a power
#: cut is played from a recording; but a busy device would make every start and sync take seconds.
_MEMORY = Path("/dev/shm")


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """Return a directory in memory where there is one, removed at the end."""
    home = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    made = Path(tempfile.mkdtemp(prefix="atoll-", dir=home))
    yield made
    shutil.rmtree(made)


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
