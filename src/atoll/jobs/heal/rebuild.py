"""Rebuild a blank drive while the node serves: registers first, then shards.

Registers page by page in key order, set by set (registers.repair.copy_page); the drive votes on each page as soon as it is
          durable there. The place is kept by the drive itself, so a rebuild goes on after a crash.
Shards    a sweep over the drive's sets, which finds every shard that the drive lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from atoll.base.ids import DriveId
from atoll.core.placement.cluster_map import ClusterMap
from atoll.jobs.heal.sweep import KEYS_END, Sweep
from atoll.jobs.worker import Budget, State, Status
from atoll.registers.repair import Repairer


class Rebuild:
    """The rebuild of one drive. `copied_until` is the drive's own account of what it holds."""

    def __init__(
        self,
        drive_id: DriveId,
        repairer: Repairer,
        current_map: Callable[[], ClusterMap],
        copied_until: Mapping[int, bytes],
        make_sweep: Callable[[str, list[int]], Sweep],
    ) -> None:
        self.name = f"rebuild {drive_id[:8]}"
        self._drive_id = drive_id
        self._repairer = repairer
        self._current_map = current_map
        self._copied_until = copied_until
        self._sets = [on.index for on in current_map().sets if drive_id in on.drives]
        self._make_sweep = make_sweep
        self._sweep: Sweep | None = None
        self._copied = 0

    async def step(self, budget: Budget) -> State:
        """Copy one page of registers, or heal one page of shards."""
        for on in self._current_map().sets:
            start = self._copied_until.get(on.index)
            if start is None or self._drive_id not in on.drives:
                continue
            _, copied = await self._repairer.copy_page(
                on, self._drive_id, start, KEYS_END, budget.rows
            )
            self._copied += copied
            return State.BUSY
        if self._sweep is None:
            self._sweep = self._make_sweep(self.name, self._sets)
        return await self._sweep.step(budget)

    async def wait(self) -> None:
        """A rebuild always has work until it is done."""

    def status(self) -> Status:
        """Return progress: registers while they are copied, then shards."""
        if self._sweep is None:
            return Status(name=self.name, done=self._copied, message="copying registers")
        return self._sweep.status()
