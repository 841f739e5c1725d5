"""Remove shards that nothing names: what crashes, lost frees and given-up uploads leave behind.

Rule      a shard goes only if its data id is older than `ORPHAN_AGE_MS` and, behind completing at
          fresh ballots every register that may name it, nothing names it. Completing first: an
          accept that reached a minority may name the id, and whoever meets it later would choose
          it.
Known     the owner key stands in the shard's header; its uploads and parts are the owner's
          companions, and are completed only when every drive of the set lists them, since one that
          is away may hold a record nobody else knows.
Readers   a version that was replaced or removed stays readable for those who opened it before: what
          they pinned, or may be about to, is left to the reclaimer, or to the next scan.
Kept      a shard whose header is damaged, one whose owner is not an object, and everything of an
          owner whose pages cannot be read.
Cost      an owner is asked once for all its shards in reach; only an id found unnamed costs writes.
Source    docs/design/scan.md
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol

import msgspec

from atoll.base.clock import Clock
from atoll.base.errors import Damaged, DriveFault, StoreError
from atoll.base.ids import CLOCK_COUNTER_BITS, DataId, DriveId, ballot_clock, clock_from_ms
from atoll.base.units import NS_PER_MS
from atoll.core.placement.cluster_map import ErasureSet
from atoll.drives.contract import ShardAddress, ShardInfo
from atoll.jobs.heal.healer import DataNames
from atoll.jobs.worker import Budget, State, Status
from atoll.registers.members import Spot
from atoll.registers.repair import Repairer

#: Twice the age from which drives refuse to name data for the first time: clocks may differ by the
#: half of it.
ORPHAN_AGE_MS: Final = 48 * 3600 * 1000
#: Data ids of owners remembered, so that the shards of one object ask once.
_REMEMBERED_IDS_MAX: Final = 200_000
_COMPANIONS: Final = 256


class DataUsers(msgspec.Struct, frozen=True, kw_only=True):
    """Who needs data: `named` returns every data id named for an owner key, and raises Damaged and
    Unavailable; `is_held` says whether a reader of this process may need one that nothing names."""

    named: Callable[[bytes], Awaitable[frozenset[DataId]]]
    is_held: Callable[[DataId], bool]


class ListingDrive(Protocol):
    """A drive whose shards can be listed and removed."""

    def list_shards(self, after: bytes, limit: int) -> Awaitable[tuple[list[ShardInfo], bytes]]:
        """List shards behind a cursor; an empty cursor back means the end."""
        ...

    def delete_shard(self, address: ShardAddress) -> Awaitable[None]:
        """Remove a shard that is proven to be named by nothing."""
        ...


class OrphanScan:
    """One scan of all drives."""

    def __init__(
        self,
        name: str,
        drives: Mapping[DriveId, ListingDrive],
        repairer: Repairer,
        names: DataNames,
        *,
        users: DataUsers,
        clock: Clock,
    ) -> None:
        self.name = name
        self._repairer = repairer
        self._names = names
        self._users = users
        self._clock = clock
        #: Drives with their cursors; taken in turn, so that equal shards of a set come together.
        self._walks: deque[tuple[DriveId, ListingDrive, bytes]] = deque(
            (drive_id, drive, b"") for drive_id, drive in drives.items()
        )
        self._remembered: OrderedDict[bytes, frozenset[DataId]] = OrderedDict()
        self._remembered_ids = 0
        self._done = self._removed = self._failed = 0
        self._removed_bytes = 0
        self._message = ""

    async def step(self, budget: Budget) -> State:
        """Look at the next page of shards of one drive."""
        if not self._walks:
            return State.DONE
        drive_id, drive, cursor = self._walks[0]
        try:
            found, behind = await drive.list_shards(cursor, budget.rows)
            for info in found:
                if self._is_old(info.address.data_id):
                    await self._judge(drive, info)
        except (DriveFault, Damaged) as exc:
            self._fail(f"drive {drive_id[:8]} is left out: {exc}")
            self._walks.popleft()
            return State.BUSY
        self._done += len(found)
        self._walks.popleft()
        if behind:
            self._walks.append((drive_id, drive, behind))
        return State.BUSY if self._walks else State.DONE

    def _is_old(self, data_id: DataId) -> bool:
        now = clock_from_ms(self._clock.time_ns() // NS_PER_MS)
        return now - ballot_clock(data_id) > ORPHAN_AGE_MS << CLOCK_COUNTER_BITS

    async def _judge(self, drive: ListingDrive, info: ShardInfo) -> None:
        """Remove a shard if nothing names it; what cannot be told today stays."""
        address = info.address
        sets = self._repairer.sets
        is_known = bool(self._names.companions(address.key)) and address.set_index < len(sets)
        if not is_known:
            return
        try:
            if address.data_id in await self._named_lately(address.key):
                return
            await self._complete(sets[address.set_index], address.key)
            named = await self._users.named(address.key)
        except StoreError as exc:
            self._fail(str(exc))
            return
        self._remember(address.key, named)
        if address.data_id in named or self._users.is_held(address.data_id):
            return
        await drive.delete_shard(address)
        self._removed += 1
        self._removed_bytes += info.size_bytes

    async def _named_lately(self, owner: bytes) -> frozenset[DataId]:
        """Return what an owner names, perhaps as of a moment ago: enough to keep, not to remove."""
        known = self._remembered.get(owner)
        if known is None:
            known = await self._users.named(owner)
            self._remember(owner, known)
        return known

    def _remember(self, owner: bytes, named: frozenset[DataId]) -> None:
        before = self._remembered.pop(owner, None)
        self._remembered_ids -= 0 if before is None else len(before) + 1
        self._remembered[owner] = named
        self._remembered_ids += len(named) + 1
        while self._remembered_ids > _REMEMBERED_IDS_MAX:
            _, dropped = self._remembered.popitem(last=False)
            self._remembered_ids -= len(dropped) + 1

    async def _complete(self, on: ErasureSet, owner: bytes) -> None:
        """Have all registers that may name an owner's data chosen at fresh ballots.

        In the order in which ids move: parts, uploads, the object.

        Raises
            Unavailable: a drive is away, or a quorum.
        """
        for start, end in self._names.companions(owner):
            place = start
            while place:
                rows, place = await self._repairer.list_page(
                    on, place, end, _COMPANIONS, needed=len(on.drives)
                )
                for row in rows:
                    await self._repairer.confirm(Spot(on, row.key))
        await self._repairer.confirm(Spot(on, owner))

    def _fail(self, message: str) -> None:
        self._failed += 1
        self._message = message

    async def wait(self) -> None:
        """A scan always has work until it is done."""

    def status(self) -> Status:
        """Return progress: shards looked at; `repaired` counts removed ones."""
        return Status(
            name=self.name,
            done=self._done,
            done_bytes=self._removed_bytes,
            damaged=self._removed,
            repaired=self._removed,
            failed=self._failed,
            message=self._message,
        )
