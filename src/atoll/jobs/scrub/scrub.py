"""One scrub of everything: all shards of all drives, then all registers.

Shards    each drive lists what it holds and reads all of it, a page of shards at a time; what does
          not match its checksum is healed at once, and what cannot be healed now becomes a hint.
Registers a sweep that reads whole records on every drive and the ends of all shards: it finds
          records and inline bytes that rotted, and shards that are gone.
Drives    are walked in turn, a page each. One that fails or does not answer is left out, counted as
          failed and named; it never holds up the others.
Bounds    one page of shard descriptions; blocks of `READ_BYTES` of one shard at a time.
Source    docs/design/heal.md
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol, TypeVar

from atoll.base.errors import (
    Damaged,
    DriveFault,
    DriveSlow,
    ShardCorrupt,
    ShardMissing,
    Unavailable,
)
from atoll.base.ids import DriveId
from atoll.core.erasure.geometry import Geometry
from atoll.core.placement.cluster_map import ClusterMap
from atoll.drives.contract import Drive, ShardInfo
from atoll.jobs.heal.healer import Depth, Healed, Healer
from atoll.jobs.heal.sweep import Sweep
from atoll.jobs.worker import Budget, State, Status

T = TypeVar("T")

#: Bytes of one shard read at once.
READ_BYTES: Final = 4 << 20
#: Shards described at once; the budget of a step decides how many of them are read.
_LISTED: Final = 64
#: A drive that takes longer for one read is left out.
ANSWER_WITHIN_S: Final = 30.0


class Hints(Protocol):
    """Whoever heals a key later."""

    def add(self, set_index: int, key: bytes) -> None:
        """Queue a key."""
        ...


class _Walk:
    """How far the shards of one drive are read."""

    __slots__ = ("cursor", "drive", "drive_id", "is_listed", "shards")

    def __init__(self, drive_id: DriveId, drive: Drive) -> None:
        self.drive_id = drive_id
        self.drive = drive
        self.cursor = b""
        #: Whether the list ends with `shards`.
        self.is_listed = False
        self.shards: deque[ShardInfo] = deque()


class Scrub:
    """The scrub of all drives, by one process that reaches them all."""

    def __init__(
        self,
        name: str,
        drives: Mapping[DriveId, Drive],
        healer: Healer,
        hints: Hints,
        current_map: Callable[[], ClusterMap],
        *,
        sweep: Sweep,
    ) -> None:
        self.name = name
        self._shards_total = 0
        self._healer = healer
        self._hints = hints
        self._current_map = current_map
        self._sweep = sweep
        self._walks = deque(_Walk(drive_id, drive) for drive_id, drive in drives.items())
        self._shards = self._size_bytes = self._failed = 0
        self._damaged = self._repaired = 0
        self._message = ""

    def expect(self, shards: int) -> None:
        """Show `shards` as the number of shards there are, until they are counted."""
        self._shards_total = shards

    async def step(self, budget: Budget) -> State:
        """Read some shards of the next drive, or heal some registers."""
        if not self._walks:
            return await self._sweep.step(budget)
        walk = self._walks[0]
        try:
            bad = await self._read_some(walk, budget)
        except (DriveFault, Damaged) as exc:
            self._walks.popleft()
            self._failed += 1
            self._message = f"drive {walk.drive_id[:8]} is left out: {exc}"
            return State.BUSY
        self._walks.rotate(-1)
        if walk.is_listed and not walk.shards:
            self._walks.remove(walk)
        for (set_index, key), count in bad.items():
            await self._heal(set_index, key, count)
        return State.BUSY

    async def _read_some(self, walk: _Walk, budget: Budget) -> dict[tuple[int, bytes], int]:
        """Read shards of a drive up to the budget; return how many are bad, by owner."""
        if not walk.shards and not walk.is_listed:
            found, walk.cursor = await _answer(walk.drive.list_shards(walk.cursor, _LISTED))
            walk.shards.extend(found)
            walk.is_listed = not walk.cursor
        bad: dict[tuple[int, bytes], int] = {}
        end_bytes = self._size_bytes + budget.size_bytes
        while walk.shards and self._size_bytes < end_bytes:
            info = walk.shards[0]
            if not await self._is_good(walk.drive, info):
                owner = (info.address.set_index, info.address.key)
                bad[owner] = bad.get(owner, 0) + 1
            del walk.shards[0]
            self._shards += 1
        return bad

    async def _is_good(self, drive: Drive, info: ShardInfo) -> bool:
        """Read a whole shard; a shard that was freed meanwhile is no loss."""
        shape = info.shape
        if not info.address.key or not shape.data:
            return False
        geometry = Geometry(shape.data, shape.parity, shape.stripe_bytes, shape.data_bytes)
        at_once = max(1, READ_BYTES // geometry.block_bytes)
        for first in range(0, geometry.stripes, at_once):
            stripes = range(first, min(first + at_once, geometry.stripes))
            try:
                blocks = await _answer(drive.read_blocks(info.address, shape, stripes))
            except ShardMissing:
                return True
            except ShardCorrupt:
                return False
            self._size_bytes += sum(len(block) for block in blocks if block is not None)
            if None in blocks:
                return False
        return True

    async def _heal(self, set_index: int, key: bytes, count: int) -> None:
        sets = self._current_map().sets
        if not key or set_index >= len(sets):
            # Whose shard it is cannot be read; the register that names it will tell that it is bad.
            return
        try:
            healed = await self._healer.heal_owner(sets[set_index], key, Depth.BYTES)
        except Unavailable as exc:
            healed = Healed(later=str(exc))
        # A bad shard that heal does not find is one that nothing names.
        self._damaged += max(healed.damaged, count)
        self._repaired += healed.repaired
        self._size_bytes += healed.size_bytes
        if healed.later or healed.left:
            self._hints.add(set_index, key)
        if healed.failed or healed.later:
            self._failed += 1
            self._message = healed.failed or healed.later

    async def wait(self) -> None:
        """A scrub always has work until it is done."""

    def status(self) -> Status:
        """Return progress: `done` counts shards and keys."""
        swept = self._sweep.status()
        shards = max(self._shards, self._shards_total) if self._walks else self._shards
        return Status(
            name=self.name,
            done=self._shards + swept.done,
            total=swept.total and swept.total + shards,
            done_bytes=self._size_bytes + swept.done_bytes,
            damaged=self._damaged + swept.damaged,
            repaired=self._repaired + swept.repaired,
            failed=self._failed + swept.failed,
            message=swept.message or self._message,
        )


async def _answer(reply: Awaitable[T]) -> T:
    """Return a drive's answer. Raises DriveSlow when it takes too long."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            return await reply
    except TimeoutError as exc:
        raise DriveSlow(within_s=ANSWER_WITHIN_S) from exc
