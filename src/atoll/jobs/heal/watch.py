"""Watch which drives need a rebuild, and begin it: blank ones, and those that were away.

Owns      the decision which drives are marked, rebuilt and unmarked; the only user of
          `DriveMarks`.
Mark      a drive that the map names and that is not there is marked at the start, one that could
          not be given its copies when hints give up. A blank one is marked before its sweep begins,
          because it forgets that it was blank once its registers are copied.
Begin     a blank or marked drive that is there is rebuilt at once, unattended.
Unmark    behind a sweep during which nothing new was noted; and a drive that left the map.
Source    docs/design/heal.md
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final, Protocol

from atoll.base.ids import DriveId
from atoll.core.placement.cluster_map import ClusterMap
from atoll.drives.contract import DriveState, DriveStatus
from atoll.jobs.heal.marks import DriveMarks
from atoll.jobs.worker import Budget, State, Status

#: Sweeps of one drive by one process: a drive that keeps failing (full, half broken) is not swept
#: for ever.
SWEEPS_MAX: Final = 3


class StatedDrive(Protocol):
    """A drive that says how it is."""

    def status(self) -> Awaitable[DriveStatus]:
        """Return facts about the drive. Never raises."""
        ...


class DriveWatch:
    """The account of drives that lack something. `begin` starts a rebuild; idempotent."""

    name = "drive watch"

    def __init__(
        self,
        marks: DriveMarks,
        drives: Mapping[DriveId, StatedDrive],
        current_map: Callable[[], ClusterMap],
        begin: Callable[[DriveId], None],
    ) -> None:
        self._marks = marks
        self._drives = drives
        self._current_map = current_map
        self._begin = begin
        #: Drives to be marked.
        self._noted: set[DriveId] = set()
        self._marked: set[DriveId] = set()
        self._rebuilding: set[DriveId] = set()
        #: Drives noted again while they are marked: one sweep more.
        self._again: set[DriveId] = set()
        self._sweeps: dict[DriveId, int] = {}
        self._is_loaded = False
        self._wake = asyncio.Event()

    def note(self, drives: Iterable[DriveId]) -> None:
        """Mark drives that could not be given what they should hold."""
        for drive_id in drives:
            (self._again if drive_id in self._marked else self._noted).add(drive_id)
        self._wake.set()

    def covers(self, drives: Iterable[DriveId]) -> bool:
        """Return whether all of these drives are marked, and note them again."""
        wanted = frozenset(drives)
        if not wanted <= self._marked:
            return False
        self._again |= wanted
        return True

    async def finish(self, drive_id: DriveId) -> bool:
        """Unmark a drive behind its sweep; False: it was noted meanwhile, sweep again."""
        if drive_id not in self._again:
            await self._marks.clear(drive_id)
            self._marked.discard(drive_id)
            self._rebuilding.discard(drive_id)
            return True
        sweeps = self._sweeps[drive_id] = self._sweeps.get(drive_id, 1) + 1
        if sweeps > SWEEPS_MAX:
            # It keeps its mark, and is tried again by the next process, or by scrub.
            return True
        self._again.discard(drive_id)
        return False

    async def mark(self, drive_id: DriveId) -> None:
        """Mark a drive; durable when it returns. Idempotent."""
        if drive_id not in self._marked:
            await self._marks.set(drive_id)
            self._marked.add(drive_id)
        self._noted.discard(drive_id)

    async def step(self, budget: Budget) -> State:
        """Begin what can be rebuilt, mark what was noted."""
        del budget
        await self._begin_blank()
        members = {drive_id for on in self._current_map().sets for drive_id in on.drives}
        if not self._is_loaded:
            await self._load(members)
        for drive_id in sorted(self._marked):
            if await self._is_there(drive_id):
                self._begin_once(drive_id)
        for drive_id in sorted(self._noted):
            await self.mark(drive_id)
            if await self._is_there(drive_id):
                self._begin_once(drive_id)
        return State.IDLE

    async def _begin_blank(self) -> None:
        """Blank drives first: their sets may be unable to take a mark until they are copied."""
        for drive_id, drive in self._drives.items():
            if (await drive.status()).state is DriveState.BLANK:
                self._begin_once(drive_id)

    def _begin_once(self, drive_id: DriveId) -> None:
        if drive_id not in self._rebuilding:
            self._rebuilding.add(drive_id)
            self._begin(drive_id)

    async def _load(self, members: set[DriveId]) -> None:
        """Read the marks of earlier processes; drives that are not there are noted."""
        marked = await self._marks.read()
        for gone in sorted(marked - members):
            await self._marks.clear(gone)
        self._marked |= marked & members
        self._noted |= members - self._drives.keys() - marked
        self._is_loaded = True

    async def _is_there(self, drive_id: DriveId) -> bool:
        drive = self._drives.get(drive_id)
        if drive is None:
            return False
        return (await drive.status()).state in (DriveState.OK, DriveState.BLANK)

    async def wait(self) -> None:
        """Return when a drive was noted."""
        self._wake.clear()
        if not self._noted:
            await self._wake.wait()

    def status(self) -> Status:
        """Return how many drives are to be swept."""
        return Status(name=self.name, queued=len(self._noted | self._marked))
