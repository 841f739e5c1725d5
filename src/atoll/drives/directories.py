"""Directories whose names survive a power cut.

A file system may forget a name until the directory that holds it is synced; syncing what the name
leads to
does not help. Whoever makes a directory that must last makes it here.
"""

from __future__ import annotations

import os
from pathlib import Path


def make_directory(path: Path) -> None:
    """Make a directory with all its parents; the names are durable when it returns. Idempotent.

    A directory that is there already is trusted to be durable.

    Raises
        OSError: it cannot be made.
    """
    missing = []
    at = path
    while not at.exists():
        missing.append(at)
        at = at.parent
    for name in reversed(missing):
        name.mkdir(exist_ok=True)
        sync_directory(name.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
