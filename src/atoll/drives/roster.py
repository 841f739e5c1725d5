"""All drives of one node: lock them, learn who they are, form the cluster map, open them.

Owns      the order of a start: locks → identities → formation → identities written → databases opened.
Does not  decide who belongs (core.placement.formation) or serve anything.
Implements registers.members.MapSource for a node that is a whole cluster.
Crash     identities are written before any database is opened. A first start writes them twice: not formed on every
          drive, then formed on every drive, so that a crash in between begins anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from atoll.base.clock import Clock, Entropy
from atoll.base.errors import DriveFault, StoreError
from atoll.base.ids import DriveId
from atoll.core.placement.cluster_map import ClusterMap
from atoll.core.placement.formation import Claim, Formation, Seat, form
from atoll.core.placement.sets import Layout
from atoll.drives.identity import (
    FORMAT,
    DriveIdentity,
    DriveLock,
    read_identity,
    write_identity,
)
from atoll.drives.local import LocalDrive, LocalPlace


class Absent(msgspec.Struct, frozen=True, kw_only=True):
    """A path that gives no drive, and why."""

    place: LocalPlace
    drive_id: DriveId | None
    reason: str


class Roster:
    """The open drives of a node."""

    def __init__(
        self, formation: Formation, drives: dict[DriveId, LocalDrive], absent: list[Absent]
    ) -> None:
        self.formation = formation
        self.drives = drives
        self.absent = absent
        self._locks: list[DriveLock] = []

    @classmethod
    async def open(
        cls, places: Sequence[LocalPlace], layout: Layout, clock: Clock, entropy: Entropy
    ) -> Roster:
        """Open the drives at `places`.

        Raises
            DriveLocked: another process owns one of them.
            FormationError: they form no cluster.
            RecordCorrupt, FormatUnknown: an identity cannot be read; nothing was changed.
        """
        locks: list[DriveLock] = []
        try:
            for place in places:
                locks += _take_locks(place)
            formation = form(
                [_claim(place) for place in places],
                layout,
                new_id=lambda: entropy.random_bytes(16).hex(),
                new_seed=entropy.random_u64,
            )
            _write_identities(places, formation)
            roster = await cls._open_drives(places, formation, clock)
        except BaseException:
            for lock in locks:
                lock.release()
            raise
        roster._locks = locks
        return roster

    @classmethod
    async def _open_drives(
        cls, places: Sequence[LocalPlace], formation: Formation, clock: Clock
    ) -> Roster:
        opened: dict[DriveId, LocalDrive] = {}
        absent: list[Absent] = []

        async def open_one(place: LocalPlace, seat: Seat) -> None:
            if seat.drive_id is None:
                absent.append(Absent(place=place, drive_id=None, reason=seat.reason))
                return
            sets = [on.index for on in formation.map.sets if seat.drive_id in on.drives]
            try:
                drive = await LocalDrive.open(
                    seat.drive_id,
                    place,
                    clock,
                    sets=sets,
                    is_new=formation.is_first,
                    is_blank=seat.is_blank,
                )
            except DriveFault as exc:
                absent.append(Absent(place=place, drive_id=seat.drive_id, reason=str(exc)))
                return
            drive.blank_reason = drive.blank_reason or seat.reason
            opened[seat.drive_id] = drive

        async with asyncio.TaskGroup() as tasks:
            for place, seat in zip(places, formation.seats, strict=True):
                tasks.create_task(open_one(place, seat))
        in_order = {
            seat.drive_id: opened[seat.drive_id]
            for seat in formation.seats
            if seat.drive_id in opened and seat.drive_id is not None
        }
        return cls(formation, in_order, absent)

    def current(self) -> ClusterMap:
        """Return the cluster map."""
        return self.formation.map

    async def run(self) -> None:
        """Run the drives' tasks, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for drive in self.drives.values():
                tasks.create_task(drive.run())

    async def close(self) -> list[StoreError]:
        """Close all drives and release the locks; returns what went wrong. `run` must still run."""
        faults: list[StoreError] = []

        async def close_one(drive: LocalDrive) -> None:
            try:
                await drive.close()
            except StoreError as exc:
                faults.append(exc)

        async with asyncio.TaskGroup() as tasks:
            for drive in self.drives.values():
                tasks.create_task(close_one(drive))
        for lock in self._locks:
            lock.release()
        return faults


def _take_locks(place: LocalPlace) -> list[DriveLock]:
    locks = [DriveLock.take(place.path)]
    if place.metadata_path != place.path:
        locks.append(DriveLock.take(place.metadata_path))
    return locks


def _claim(place: LocalPlace) -> Claim | None:
    found = read_identity(place.path)
    if found is None:
        return None
    return Claim(
        drive_id=DriveId(found.drive_id),
        generation=found.generation,
        map=found.map,
        generations=found.generations,
        is_formed=found.is_formed,
    )


def _write_identities(places: Sequence[LocalPlace], formation: Formation) -> None:
    """Write the new identities; on a first start twice."""
    for is_formed in (False, True) if formation.is_first else (True,):
        for place, seat in zip(places, formation.seats, strict=True):
            if seat.drive_id is None:
                continue
            identity = DriveIdentity(
                format=FORMAT,
                drive_id=seat.drive_id,
                generation=seat.generation,
                map=formation.map,
                generations=formation.generations,
                is_formed=is_formed,
            )
            try:
                write_identity(place.path, identity)
            except OSError as exc:
                if formation.is_first:
                    raise DriveFault(
                        f"The drive's identity cannot be written: {exc.strerror}",
                        path=str(place.path),
                    ) from exc
