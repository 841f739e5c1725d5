"""The reserve: room that writes of new bytes leave free, so that deletes and tombstones still fit.

Owns      when a file system counts as full.
Invariant nothing that frees room asks here; whoever stores new bytes does.
Owed      a database holds writes in memory that it must bring into files later, delete or not. What
          that takes counts as taken already; otherwise the last put of a drive would be admitted
          against room that the flush behind it needs, and the database of a full drive would stop.
Scale     1 % of the file system, at least 64 MiB and at most 10 GiB; a small one keeps a sixteenth,
          because 64 MiB of 256 MiB would be a quarter of what the user bought.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

import msgspec

from atoll.base.errors import DriveFull
from atoll.base.units import GIB, MIB
from atoll.drives.io import drive_fault

_SMALL_BYTES: Final = 64 * MIB
_LARGE_BYTES: Final = 10 * GIB


class Capacity(msgspec.Struct, frozen=True, kw_only=True):
    """Size of a file system and what of it is free for this process."""

    total_bytes: int
    free_bytes: int


class Room(Protocol):
    """Says whether new bytes may be stored."""

    def check(self, wanted_bytes: int) -> None:
        """Return if `wanted_bytes` more leave the reserve free.

        May block; called in a drive's threads. Raises DriveFull.
        """
        ...


def default_reserve(total_bytes: int) -> int:
    """Return the reserve of a file system."""
    return max(
        min(total_bytes // 100, _LARGE_BYTES),
        min(_SMALL_BYTES, total_bytes // 16),
    )


class FileSystemRoom:
    """Room on the file system that holds a directory."""

    def __init__(self, path: Path, reserve_bytes: int | None = None) -> None:
        self._path = path
        self._reserve_bytes = reserve_bytes
        #: Called, in the thread that asks, when there is no room or soon will be none.
        self.on_full: Callable[[], None] = _nobody_cares
        #: Bytes that are promised to the database on this file system and not taken yet.
        self.owed_bytes: Callable[[], int] = _nothing

    def measure(self) -> Capacity:
        """Return size and free bytes. Raises DriveFault where the file system does not answer."""
        try:
            facts = os.statvfs(self._path)
        except OSError as exc:
            raise drive_fault(exc) from exc
        return Capacity(
            total_bytes=facts.f_blocks * facts.f_frsize, free_bytes=facts.f_bavail * facts.f_frsize
        )

    def is_with(self, other: FileSystemRoom) -> bool:
        """Return whether both directories lie on one file system."""
        return self._path.stat().st_dev == other._path.stat().st_dev

    def reserve(self, capacity: Capacity) -> int:
        """Return the bytes that are kept free."""
        if self._reserve_bytes is not None:
            return self._reserve_bytes
        return default_reserve(capacity.total_bytes)

    def check(self, wanted_bytes: int) -> None:
        """Return if `wanted_bytes` more leave the reserve free. Raises DriveFull."""
        capacity = self.measure()
        reserve = self.reserve(capacity)
        owed_bytes = self.owed_bytes()
        free_bytes = capacity.free_bytes - owed_bytes
        left_bytes = free_bytes - wanted_bytes - reserve
        if left_bytes < owed_bytes:
            # What is owed takes its room twice until it is flushed: in memory's log and here.
            self.on_full()
        if left_bytes < 0:
            raise DriveFull(path=str(self._path), free_bytes=free_bytes, reserve_bytes=reserve)


def _nobody_cares() -> None:
    """Do nothing."""


def _nothing() -> int:
    return 0
