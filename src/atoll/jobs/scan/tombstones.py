"""Drop tombstones that every drive of their set holds and no writer can still be thinking of.

Rule      registers.repair.drop_tombstone: exact ballot on all drives, behind a durable horizon.
          A tombstone that some drive lacks is written to all of them, and goes in the next scan.
Source    docs/design/scan.md
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from atoll.base.errors import Unavailable
from atoll.core.placement.cluster_map import ClusterMap, ErasureSet
from atoll.core.quorum.messages import Row
from atoll.jobs.heal.sweep import KEYS_END
from atoll.jobs.worker import Budget, State, Status
from atoll.registers.members import Spot
from atoll.registers.repair import Repairer


class TombstoneScan:
    """One scan of all sets."""

    def __init__(
        self, name: str, repairer: Repairer, current_map: Callable[[], ClusterMap]
    ) -> None:
        self.name = name
        self._repairer = repairer
        self._left: deque[tuple[ErasureSet, bytes]] = deque((on, b"") for on in current_map().sets)
        self._done = self._dropped = self._kept = self._failed = 0
        self._message = ""

    async def step(self, budget: Budget) -> State:
        """Look at the next page of keys of one set."""
        if not self._left:
            return State.DONE
        on, start = self._left.popleft()
        try:
            rows, behind = await self._repairer.list_page(on, start, KEYS_END, budget.rows)
        except Unavailable as exc:
            # The next scan comes by again; a tombstone too many does no harm.
            self._fail(exc)
            return State.BUSY if self._left else State.DONE
        for row in rows:
            self._done += 1
            if self._repairer.is_old_tombstone(row):
                await self._drop(on, row)
        if behind:
            self._left.appendleft((on, behind))
        return State.BUSY if self._left else State.DONE

    async def _drop(self, on: ErasureSet, row: Row) -> None:
        spot = Spot(on, row.key)
        try:
            if await self._repairer.drop_tombstone(spot, row.ballot):
                self._dropped += 1
            else:
                self._kept += 1
                await self._repairer.repair(spot)
        except Unavailable as exc:
            self._fail(exc)

    def _fail(self, exc: Unavailable) -> None:
        self._failed += 1
        self._message = str(exc)

    async def wait(self) -> None:
        """A scan always has work until it is done."""

    def status(self) -> Status:
        """Return progress: keys looked at; `repaired` counts dropped tombstones."""
        return Status(
            name=self.name,
            done=self._done,
            damaged=self._dropped + self._kept,
            repaired=self._dropped,
            failed=self._failed,
            message=self._message,
        )
