"""Rebuild a blank drive while the node serves: registers first, then shards.

Registers page by page in key order, set by set (registers.repair.copy_page); the drive votes on
          each page as soon as it is durable there. The place is kept by the drive itself, so a
          rebuild goes on after a crash.
Shards    a sweep over the drive's sets, which finds every record and shard that the drive lacks. A
          drive that was away and came back needs that part alone. After a crash the sweep begins
          anew and passes over what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol

import msgspec

from atoll.base.errors import Unavailable
from atoll.base.ids import DriveId, SetIndex
from atoll.core.placement.cluster_map import ClusterMap
from atoll.jobs.heal.sweep import KEYS_END, Sweep
from atoll.jobs.worker import Budget, State, Status
from atoll.registers.repair import Repairer

#: Makes the sweep over the sets of a drive.
MakeSweep = Callable[[str, list[SetIndex]], Sweep]


class Account(Protocol):
    """Whoever remembers, over restarts, which drives must be swept."""

    async def mark(self, drive_id: DriveId) -> None:
        """Remember a drive; durable when it returns. Idempotent."""
        ...

    async def finish(self, drive_id: DriveId) -> bool:
        """Forget a drive behind its sweep; False: it lacked something again, sweep once more."""
        ...


class Lacking(msgspec.Struct, frozen=True):
    """A drive to rebuild. `copied_until` is its own, changing account of what it holds, by set."""

    drive_id: DriveId
    copied_until: Mapping[int, bytes]


class Rebuild:
    """The rebuild of one drive."""

    def __init__(
        self,
        name: str,
        target: Lacking,
        repairer: Repairer,
        current_map: Callable[[], ClusterMap],
        *,
        make_sweep: MakeSweep,
        account: Account,
    ) -> None:
        self.name = name
        self._drive_id = target.drive_id
        self._copied_until = target.copied_until
        self._repairer = repairer
        self._current_map = current_map
        self._make_sweep = make_sweep
        self._account = account
        self._sweep: Sweep | None = None
        self._is_begun = self._is_swept = False
        self._copied = 0

    async def step(self, budget: Budget) -> State:
        """Copy one page of registers, or heal one page of keys."""
        if not self._is_begun:
            # Early, so that a crash does not lose the sweep. A set of two drives cannot take the
            # mark before the blank one votes again, so the copy does not wait for it.
            with suppress(Unavailable):
                await self._account.mark(self._drive_id)
            self._is_begun = True
        if await self._copy(budget):
            return State.BUSY
        if self._sweep is None:
            await self._account.mark(self._drive_id)
            sets = [on.index for on in self._current_map().sets if self._drive_id in on.drives]
            self._sweep = self._make_sweep(self.name, sets)
        if not self._is_swept:
            self._is_swept = await self._sweep.step(budget) is State.DONE
            return State.BUSY
        if await self._account.finish(self._drive_id):
            return State.DONE
        self._sweep, self._is_swept = None, False
        return State.BUSY

    async def _copy(self, budget: Budget) -> bool:
        """Copy one page of registers; False: the drive holds all of its own."""
        for on in self._current_map().sets:
            start = self._copied_until.get(on.index)
            if start is None or self._drive_id not in on.drives:
                continue
            _, copied = await self._repairer.copy_page(
                on, self._drive_id, start, KEYS_END, budget.rows
            )
            self._copied += copied
            return True
        return False

    async def wait(self) -> None:
        """A rebuild always has work until it is done."""

    def status(self) -> Status:
        """Return progress: registers while they are copied, then what the sweep found."""
        if self._sweep is None:
            return Status(name=self.name, done=self._copied, message="copying registers")
        return self._sweep.status()
