"""A drive in this process: one directory (or two), one database, one acceptor, one shard store.

Owns       opening and closing the parts in order, the drive's state, and what the parts tell each
           other.
Implements drives.contract.Drive.
State      ok → poisoned when a write or sync fails with EIO, or when the drive's directory is not
           there any more: nothing is answered until the node restarts, because nobody knows what
           the medium holds. blank while its register database
           is rebuilt from its peers.
Damaged    a database that does not open strictly is set aside, and the drive begins again as
           blank; its shard files stay.
Tasks      `run` (the group commit), owned by the node.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from atoll.base.clock import Clock
from atoll.base.errors import (
    Damaged,
    DriveFault,
    DriveFull,
    DriveStale,
    RecordCorrupt,
    StoreError,
)
from atoll.base.ids import DriveId
from atoll.base.reply import Reply
from atoll.core.quorum.messages import (
    Accept,
    Accepted,
    Drop,
    Free,
    Page,
    Prepare,
    Promise,
    Read,
    Refused,
    Restore,
    Scan,
    Seal,
    Shown,
)
from atoll.drives.acceptor import Acceptor
from atoll.drives.compaction import Compaction
from atoll.drives.contract import (
    NOTHING_COPIED,
    DriveState,
    DriveStatus,
    PackedShard,
    ShardAddress,
    ShardInfo,
    ShardShape,
)
from atoll.drives.directories import HeldDirectory
from atoll.drives.facts import Facts
from atoll.drives.io import WorkThreads
from atoll.drives.reserve import Capacity, FileSystemRoom
from atoll.drives.rocks import RocksKv
from atoll.drives.shards import FileSink, ShardStore

DATABASE_DIRECTORY: Final = "metadata"
#: How long a measured capacity is believed; a busy drive fills less than its reserve in that time.
CAPACITY_AGE_S: Final = 0.25


class LocalPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a drive lives. `metadata_path` holds the database; it may be on a faster device."""

    path: Path
    metadata_path: Path
    reserve_bytes: int | None = None


class Rooms:
    """Whether the drive's two file systems have room beyond the reserve, measured now and then."""

    def __init__(self, place: LocalPlace, clock: Clock) -> None:
        self.storage = FileSystemRoom(place.path, place.reserve_bytes)
        self.metadata = FileSystemRoom(place.metadata_path, place.reserve_bytes)
        self._clock = clock
        self._measured_s = float("-inf")
        self._has_room = True

    def has_room(self) -> bool:
        """Return whether the database may grow."""
        now = self._clock.monotonic_s()
        if now - self._measured_s > CAPACITY_AGE_S:
            self._measured_s = now
            try:
                self.metadata.check(0)
                self._has_room = True
            except DriveFull:
                self._has_room = False
            except DriveFault:
                # The device does not answer; the write itself will say so.
                self._has_room = True
        return self._has_room

    def may_complete(self) -> bool:
        """Return whether half of the reserve is free: the other half is for deletes alone."""
        try:
            self.metadata.check(-self.metadata.reserve(self.metadata.measure()) // 2)
        except DriveFault:
            return False
        return True

    def owe(self, owed_bytes: Callable[[], int]) -> None:
        """Count what the database has still to write, on the file system that holds it."""
        self.metadata.owed_bytes = owed_bytes
        if self.storage.is_with(self.metadata):
            self.storage.owed_bytes = owed_bytes

    def capacity(self) -> Capacity:
        """Return size and free bytes of the storage path."""
        return self.storage.measure()

    def is_full(self) -> bool:
        """Return whether the drive takes no new bytes."""
        try:
            self.storage.check(0)
        except DriveFault:
            return True
        return not self.has_room()


class LocalDrive:
    """One drive of this process."""

    def __init__(
        self,
        drive_id: DriveId,
        place: LocalPlace,
        acceptor: Acceptor,
        shards: ShardStore,
        rooms: Rooms,
        closers: _Closers,
    ) -> None:
        self._drive_id = drive_id
        self._place = place
        self.acceptor = acceptor
        self.shards = shards
        self._rooms = rooms
        self._closers = closers
        #: Why the drive was found blank at start; empty when it was not.
        self.blank_reason = ""

    @classmethod
    async def open(
        cls,
        drive_id: DriveId,
        place: LocalPlace,
        clock: Clock,
        *,
        sets: Sequence[int],
        is_new: bool,
        is_blank: bool,
    ) -> LocalDrive:
        """Open or create the drive.

        `sets` are the sets it belongs to. With `is_blank`, or when the database is damaged, gone or
        behind its mark, it votes on none of them until they are rebuilt. `is_new`: the cluster is
        being formed, so an empty database is right.

        Raises
            DriveStale: the database is another drive's.
            FormatUnknown: a later version wrote the database.
            DriveFault: the device does not work.
        """
        commits = WorkThreads(f"commit-{drive_id[:8]}", threads_max=1)
        disk = WorkThreads(f"disk-{drive_id[:8]}")
        rooms = Rooms(place, clock)
        async with contextlib.AsyncExitStack() as opened:
            opened.push_async_callback(commits.close)
            opened.push_async_callback(disk.close)
            database = place.metadata_path / DATABASE_DIRECTORY
            kv, acceptor, damage = await _open_or_replace(database, commits, rooms, clock)
            opened.push_async_callback(_close_quietly, kv)
            reason = damage or ("is blank" if is_blank else "")
            facts = acceptor.facts
            if facts.owner and facts.owner != drive_id:
                raise DriveStale(
                    "The database is another drive's.", expected=drive_id, found=facts.owner
                )
            if not facts.owner and not is_new:
                reason = reason or "has lost its database"
            puts = [] if facts.owner else facts.plan_owner(drive_id)
            if reason:
                # Before anything is answered: a crash from here on finds a drive that knows it is
                # blank.
                for index in sets:
                    facts.copied_until[index] = NOTHING_COPIED
                    puts += facts.plan_copied(index, NOTHING_COPIED)
            if puts:
                await kv.commit(puts, sync=True)
            shards = ShardStore(
                storage=place.path,
                kv=kv,
                commits=acceptor.commit,
                threads=disk,
                room=rooms.storage,
                packed_room=rooms.metadata,
                on_io_error=acceptor.commit.poison,
            )
            await shards.open()
            compaction = Compaction(kv, disk, rooms.metadata)
            rooms.storage.on_full = rooms.metadata.on_full = compaction.want
            rooms.owe(kv.unflushed_bytes)
            closers = _Closers(kv, commits, disk, compaction, HeldDirectory(place.path))
            opened.pop_all()
        drive = cls(drive_id, place, acceptor, shards, rooms, closers)
        drive.blank_reason = reason
        return drive

    async def run(self) -> None:
        """Commit what is queued and compact when it is full, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.acceptor.commit.run())
            tasks.create_task(self._closers.compaction.run())

    @property
    def drive_id(self) -> DriveId:
        """Return the drive's identity."""
        return self._drive_id

    @property
    def place(self) -> LocalPlace:
        """Return where the drive lives."""
        return self._place

    @property
    def state(self) -> DriveState:
        """Return what the drive can do."""
        if self.acceptor.commit.fault is not None:
            return DriveState.POISONED
        return DriveState.BLANK if self.acceptor.facts.copied_until else DriveState.OK

    # ── registers ──────────────────────────────────────────────────────────────────────────────

    def prepare(self, request: Prepare) -> Reply[Promise | Refused]:
        """Promise a ballot."""
        return self.acceptor.prepare(request)

    def accept(self, request: Accept) -> Reply[Accepted | Refused]:
        """Store a value."""
        return self.acceptor.accept(request)

    def read(self, request: Read) -> Reply[Shown]:
        """Show a record."""
        return self.acceptor.read(request)

    def scan(self, request: Scan) -> Reply[Page]:
        """Show records in order."""
        return self.acceptor.scan(request)

    def seal(self, request: Seal) -> Reply[None]:
        """Store a seal."""
        return self.acceptor.seal(request)

    def drop(self, request: Drop) -> Reply[bool]:
        """Forget a tombstone."""
        return self.acceptor.drop(request)

    def restore(self, request: Restore) -> Reply[None]:
        """Take records of a rebuild."""
        return self.acceptor.restore(request)

    async def free(self, request: Free) -> bool:
        """Remove the shards of a data id that the drive's own record no longer names."""
        if not self.acceptor.may_free(request):
            return False
        await self.shards.delete_data(request.set_index, request.data_id)
        return True

    # ── shards ─────────────────────────────────────────────────────────────────────────────────

    def put_shards(self, shards: Sequence[PackedShard]) -> asyncio.Future[None]:
        """Store small shards."""
        return self.shards.put_shards(shards)

    def open_sink(self, address: ShardAddress, shape: ShardShape) -> asyncio.Future[FileSink]:
        """Start a shard file."""
        return self.shards.open_sink(address, shape)

    def read_blocks(
        self, address: ShardAddress, shape: ShardShape, blocks: range
    ) -> asyncio.Future[list[bytes | memoryview | None]]:
        """Read and verify blocks."""
        return self.shards.read_blocks(address, shape, blocks)

    def list_shards(
        self, after: bytes, limit: int
    ) -> asyncio.Future[tuple[list[ShardInfo], bytes]]:
        """List shards."""
        return self.shards.list_shards(after, limit)

    def delete_shard(self, address: ShardAddress) -> asyncio.Future[None]:
        """Remove a shard."""
        return self.shards.delete_shard(address)

    async def estimate_shards(self) -> int:
        """Return about how many shards the drive holds, 0 when it cannot say."""
        with contextlib.suppress(DriveFault):
            return await self.shards.estimate_files() + self._closers.kv.estimate_packed_shards()
        return 0

    # ── state ──────────────────────────────────────────────────────────────────────────────────

    @property
    def last_capacity(self) -> Capacity:
        """Return size and free bytes; zeros when the file system does not answer."""
        try:
            return self._rooms.capacity()
        except DriveFault:
            return Capacity(total_bytes=0, free_bytes=0)

    async def status(self) -> DriveStatus:
        """Return facts about the drive."""
        self._check_place()
        fault = self.acceptor.commit.fault
        try:
            capacity = self._rooms.capacity()
        except DriveFault as exc:
            fault = fault or exc
            capacity = Capacity(total_bytes=0, free_bytes=0)
        reason = str(fault) if fault is not None else ""
        if not reason and self.state is DriveState.BLANK:
            reason = self.blank_reason or "is being rebuilt"
        return DriveStatus(
            drive_id=self._drive_id,
            state=self.state,
            path=str(self._place.path),
            metadata_path=str(self._place.metadata_path),
            total_bytes=capacity.total_bytes,
            free_bytes=capacity.free_bytes,
            is_full=self._rooms.is_full(),
            records=self._closers.kv.estimate_records(),
            reason=reason,
        )

    def _check_place(self) -> None:
        """Answer nothing more when the directories are gone. Every commit looks by itself."""
        try:
            self._closers.home.check()
            self._closers.kv.check_place()
        except DriveFault as exc:
            self.acceptor.commit.poison(exc)

    async def close(self) -> None:
        """Finish queued writes, persist watermarks, close the database. `run` must still run."""
        # A poisoned drive has nothing more to say; what is durable is durable.
        with contextlib.suppress(DriveFault):
            await self.acceptor.close()
        # A round that is still open somewhere must not reach for a database that is gone, also
        # where there was no room for the watermarks.
        await self.acceptor.commit.close()
        await self._closers.close()


class _Closers:
    """What is closed last, in order."""

    def __init__(
        self,
        kv: RocksKv,
        commits: WorkThreads,
        disk: WorkThreads,
        compaction: Compaction,
        home: HeldDirectory,
    ) -> None:
        self.kv = kv
        self.compaction = compaction
        self.home = home
        self._commits = commits
        self._disk = disk

    async def close(self) -> None:
        await self._disk.close()
        self.home.release()
        try:
            await self.kv.close()
        finally:
            await self._commits.close()


async def _close_quietly(kv: RocksKv) -> None:
    """Close a database behind a failure, which is the news."""
    with contextlib.suppress(StoreError):
        await kv.close()


async def _open_or_replace(
    database: Path, commits: WorkThreads, rooms: Rooms, clock: Clock
) -> tuple[RocksKv, Acceptor, str]:
    """Open a database, or an empty one in the place of a damaged one; also return the damage."""
    try:
        return *await _open_database(database, commits, rooms, clock), ""
    except RecordCorrupt as exc:
        damage = str(exc)
    # Not inside the handler: the error's frames keep cursors, and with them the database, open.
    await commits.run(lambda: set_database_aside(database))
    return *await _open_database(database, commits, rooms, clock), damage


async def _open_database(
    database: Path, commits: WorkThreads, rooms: Rooms, clock: Clock
) -> tuple[RocksKv, Acceptor]:
    kv = await commits.run(lambda: RocksKv.open(database, commits))
    try:
        acceptor = Acceptor(kv, clock, has_room=rooms.has_room)
        acceptor.may_complete = rooms.may_complete
        return kv, acceptor
    except Damaged:
        # What cannot be read can perhaps not be closed in order either.
        await _close_quietly(kv)
        raise


async def read_owner(place: LocalPlace) -> str:
    """Return whose database lies at the place, "" where there is none that can be read.

    Raises
        FormatUnknown: a later version wrote it.
        DriveFault: the device does not work.
    """
    if not has_database(place):
        return ""
    threads = WorkThreads("owner", threads_max=1)
    database = place.metadata_path / DATABASE_DIRECTORY
    try:
        kv = await threads.run(lambda: RocksKv.open(database, threads))
        try:
            return Facts.load(kv).owner
        finally:
            await kv.close()
    except RecordCorrupt:
        return ""
    finally:
        await threads.close()


def has_database(place: LocalPlace) -> bool:
    """Return whether anything was ever stored at the place's metadata path."""
    return (place.metadata_path / DATABASE_DIRECTORY / "db").exists()


def set_database_aside(database: Path) -> None:
    """Move a database that does not count to where a person can look at it. Blocks."""
    aside = database.with_name(database.name + ".damaged")
    if aside.exists():
        shutil.rmtree(aside)
    if database.exists():
        database.rename(aside)
