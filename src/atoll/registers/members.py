"""Members: the drives of a set, as proposers see them.

Owns      the order in which drives of a set are asked, and who is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from atoll.base.errors import DriveMissing
from atoll.base.ids import DriveId
from atoll.core.placement.cluster_map import ClusterMap, ErasureSet
from atoll.drives.contract import RegisterDrive


class MapSource(Protocol):
    """Whoever knows the present cluster map."""

    def current(self) -> ClusterMap:
        """Return the newest map known."""
        ...


class Spot(msgspec.Struct, frozen=True, array_like=True):
    """A key on its set."""

    on: ErasureSet
    key: bytes


class Members:
    """Drives by set. `drives` may change while running: a drive that went away is simply not in
    it."""

    def __init__(self, map_source: MapSource, drives: Mapping[DriveId, RegisterDrive]) -> None:
        self._map_source = map_source
        self._drives = drives

    @property
    def map(self) -> ClusterMap:
        """Return the present cluster map."""
        return self._map_source.current()

    def drive(self, drive_id: DriveId) -> RegisterDrive:
        """Return a drive.

        Raises
            DriveMissing: it is not there.
        """
        drive = self._drives.get(drive_id)
        if drive is None:
            raise DriveMissing(drive=drive_id)
        return drive

    def ordered(self, on: ErasureSet, key: bytes) -> tuple[DriveId, ...]:
        """Return the drives of a set in the order to ask for `key`: present ones first, load
        spread."""
        drives = on.drives
        turn = (key[-1] if key else 0) % len(drives)
        rotated = drives[turn:] + drives[:turn]
        present = self._drives
        for drive_id in drives:
            if drive_id not in present:
                return tuple(sorted(rotated, key=lambda one: one not in present))
        return rotated
