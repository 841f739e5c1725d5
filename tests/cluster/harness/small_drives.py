"""Drives that are small file systems of their own, so that a test can fill them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cluster.node_process import NodeProcess

_DRIVES = 4


@contextmanager
def node_on_tmpfs(home: Path, options: str) -> Iterator[NodeProcess]:
    """Run a node whose drives are each a tmpfs with these mount options.

    Skips the test where the kernel does not let this user mount; a run as root skips nothing.
    """
    drives = [home / "drives" / f"d{number}" for number in range(_DRIVES)]
    mounted = []
    try:
        for drive in drives:
            drive.mkdir(parents=True)
            command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(drive)]
            run = subprocess.run(command, capture_output=True, text=True, check=False)
            if run.returncode:
                pytest.skip(f"needs the right to mount a tmpfs (root has it): {run.stderr.strip()}")
            mounted.append(drive)
        with NodeProcess(home, drives=drives) as running:
            yield running
    finally:
        for drive in mounted:
            subprocess.run(["umount", "--lazy", str(drive)], check=True)
