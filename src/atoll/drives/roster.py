"""All drives of one node: lock them, learn who they are, form the cluster map, open them.

Owns       the order of a start: locks → identities → formation → identities written → databases
           opened.
Does not   decide who belongs (core.placement.formation) or serve anything.
Implements registers.members.MapSource for a node that is a whole cluster.
Crash      generations rise before any database is opened, and what drives note of each other is
           written when every generation is durable: a start that was cut short makes no drive look
           rewound. A drive that is rewound keeps its generation until its database knows that it
           is blank. A first start writes identities that are not formed, opens the databases, then
           calls the identities formed: a crash in between begins anew with the same drive ids.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

import msgspec

from atoll.base.clock import Clock, Entropy
from atoll.base.errors import (
    DriveFault,
    DriveReadOnly,
    FormatUnknown,
    RecordCorrupt,
    StoreError,
)
from atoll.base.ids import DriveId
from atoll.core.placement.cluster_map import ClusterMap
from atoll.core.placement.formation import (
    Bereft,
    Claim,
    Formation,
    Found,
    Seat,
    Unreadable,
    form,
)
from atoll.core.placement.sets import Layout
from atoll.drives.identity import (
    DriveIdentity,
    DriveLock,
    read_identity,
    write_identity,
)
from atoll.drives.local import (
    DATABASE_DIRECTORY,
    LocalDrive,
    LocalPlace,
    has_database,
    read_owner,
    set_database_aside,
)


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
            FormationError: they form no cluster, or too few drives of a set hold anything.
            FormatUnknown: a later version wrote an identity; nothing was changed.
        """
        locks: list[DriveLock] = []
        try:
            refused = [_take_locks(place, locks) for place in places]
            found = [
                refusal or await _claim(place)
                for place, refusal in zip(places, refused, strict=True)
            ]
            formation = form(
                found,
                layout,
                new_id=lambda: entropy.random_bytes(16).hex(),
                new_seed=entropy.random_u64,
            )
            _set_predecessors_aside(places, found, formation)
            raised = _raise_generations(places, formation)
            roster = await cls._open_drives(places, formation, clock)
            roster._note_generations(places, raised)
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
            except (DriveFault, FormatUnknown) as exc:
                # What a later version wrote is left as it is.
                absent.append(Absent(place=place, drive_id=seat.drive_id, reason=str(exc)))
                return
            drive.blank_reason = seat.reason or drive.blank_reason
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

    def _note_generations(self, places: Sequence[LocalPlace], raised: set[DriveId]) -> None:
        """Write on every open drive what generation each drive has by now.

        `raised` are the drives that hold their new generation. A rewound one gets it here, because
        its
        database knows by now that it is blank.
        """
        formation = self.formation
        rewound = {seat.drive_id for seat in formation.seats if seat.is_rewound}
        risen = raised | (rewound & self.drives.keys())
        noted = {
            drive_id: number if drive_id in risen else number - 1
            for drive_id, number in formation.generations.items()
        }
        for place, seat in zip(places, formation.seats, strict=True):
            if seat.drive_id in self.drives:
                with contextlib.suppress(OSError):
                    _write(place, seat, formation, noted)

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


def _take_locks(place: LocalPlace, locks: list[DriveLock]) -> Unreadable | None:
    """Lock a path, adding to `locks`; return why it cannot be used, if so.

    Raises
        DriveLocked: another process owns it.
    """
    try:
        for path in dict.fromkeys((place.path, place.metadata_path)):
            locks.append(DriveLock.take(path))
    except DriveReadOnly as exc:
        # A dead device, or one that turned read-only: the others go on without it.
        return Unreadable(reason=str(exc))
    return None


async def _claim(place: LocalPlace) -> Found:
    try:
        found = read_identity(place.path)
        holds_database = has_database(place)
    except RecordCorrupt as exc:
        return Unreadable(reason=str(exc))
    except OSError as exc:
        return Unreadable(reason=f"The drive cannot be read: {exc.strerror}")
    if found is not None:
        return Claim(
            drive_id=DriveId(found.drive_id),
            generation=found.generation,
            map=found.map,
            generations=found.generations,
            is_formed=found.is_formed,
            has_database=holds_database,
        )
    try:
        owner = await read_owner(place)
    except (DriveFault, FormatUnknown) as exc:
        return Unreadable(reason=str(exc))
    if not owner:
        return None
    reason = f"{place.path} is blank while {place.metadata_path} holds the database of {owner}"
    return Bereft(owner=DriveId(owner), reason=reason)


def _set_predecessors_aside(
    places: Sequence[LocalPlace], found: Sequence[Found], formation: Formation
) -> None:
    """Clear the metadata path of each replaced drive, before its replacement has an identity."""
    for place, claim, seat in zip(places, found, formation.seats, strict=True):
        if isinstance(claim, Bereft) and seat.drive_id is not None:
            set_database_aside(place.metadata_path / DATABASE_DIRECTORY)


def _raise_generations(places: Sequence[LocalPlace], formation: Formation) -> set[DriveId]:
    """Write the drives' new generations; return the drives that hold theirs.

    On a first start they are not formed yet.

    Raises
        DriveFault: a drive cannot be written on a first start.
    """
    before = {drive_id: number - 1 for drive_id, number in formation.generations.items()}
    raised: set[DriveId] = set()
    for place, seat in zip(places, formation.seats, strict=True):
        if seat.drive_id is None or seat.is_rewound:
            continue
        try:
            _write(place, seat, formation, before, is_formed=not formation.is_first)
        except OSError as exc:
            if formation.is_first:
                raise DriveFault(
                    f"The drive's identity cannot be written: {exc.strerror}",
                    path=str(place.path),
                ) from exc
            # A drive that is full or read-only keeps its generation, and nobody notes another one.
            continue
        raised.add(seat.drive_id)
    return raised


def _write(
    place: LocalPlace,
    seat: Seat,
    formation: Formation,
    generations: dict[str, int],
    *,
    is_formed: bool = True,
) -> None:
    assert seat.drive_id is not None
    identity = DriveIdentity(
        drive_id=seat.drive_id,
        generation=seat.generation,
        map=formation.map,
        generations=generations,
        is_formed=is_formed,
    )
    write_identity(place.path, identity)
