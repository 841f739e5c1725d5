"""Directories whose names survive a power cut, and whether one is still the one that was opened.

Names     a file system may forget a name until the directory that holds it is synced; syncing what
          the name leads to does not help. Whoever makes a directory that must last makes it here.
Gone      a process keeps writing into files whose directory was removed, moved or covered by
          another mount: every call succeeds and no later start finds any of it. Whoever
          acknowledges what lies under a path asks a `HeldDirectory`, behind the sync.
"""

from __future__ import annotations

import os
from pathlib import Path

from atoll.base.errors import DriveMissing
from atoll.drives.io import drive_fault


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


class HeldDirectory:
    """A directory held open, so that no other one can get its inode."""

    def __init__(self, path: Path) -> None:
        """Hold `path`. Raises DriveFault: it is no directory, or cannot be opened."""
        self._path = path
        try:
            self._descriptor = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as exc:
            raise drive_fault(exc) from exc

    def check(self) -> None:
        """Return if the path still leads to the directory; also when it is not held any more.

        Two calls of `stat`; from any thread.

        Raises
            DriveMissing: nothing is there, or another directory.
            DriveFault: the device does not answer.
        """
        if self._descriptor < 0:
            return
        try:
            is_same = os.path.samestat(os.stat(self._path), os.fstat(self._descriptor))
        except OSError as exc:
            raise drive_fault(exc) from exc
        if not is_same:
            raise DriveMissing(
                "Another directory is where the drive was; restart the node to use it as a blank"
                " drive, or bring the old one back first.",
                path=str(self._path),
            )

    def release(self) -> None:
        """Hold it no longer. May be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
