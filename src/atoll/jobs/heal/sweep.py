"""Walk registers in key order and heal each: `atoll heal`, and the second half of a rebuild.

Place     (set, next key); a step heals at most one page, so cancelling loses at most a page of work.
Bounds    one page of keys and one object's stripes in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from atoll.core.placement.cluster_map import ClusterMap, ErasureSet
from atoll.jobs.heal.healer import Healer
from atoll.jobs.worker import Budget, State, Status
from atoll.registers.repair import Repairer

#: Behind every register key: keys begin with a letter.
KEYS_END: Final = b"\xff"


class Sweep:
    """One walk over [start, end) of all sets, or of some."""

    def __init__(
        self,
        name: str,
        healer: Healer,
        repairer: Repairer,
        current_map: Callable[[], ClusterMap],
        *,
        ranges: Sequence[tuple[bytes, bytes]] = ((b"", KEYS_END),),
        sets: Sequence[int] | None = None,
        verify: bool = False,
        total: int = 0,
    ) -> None:
        self.name = name
        self._healer = healer
        self._repairer = repairer
        self._verify = verify
        self._total = total
        chosen = [on for on in current_map().sets if sets is None or on.index in sets]
        #: What is left: (set, next key, end).
        self._left: list[tuple[ErasureSet, bytes, bytes]] = [
            (on, start, end) for on in chosen for start, end in ranges
        ]
        self._keys: list[bytes] = []
        self._behind = b""
        self._done = self._damaged = self._repaired = self._failed = self._done_bytes = 0
        self._message = ""

    async def step(self, budget: Budget) -> State:
        """Heal the next keys."""
        if not self._left:
            return State.DONE
        on, start, end = self._left[0]
        if not self._keys:
            rows, self._behind = await self._repairer.list_page(on, start, end, budget.rows)
            self._keys = [row.key for row in rows]
        size_bytes = 0
        while self._keys and size_bytes < budget.size_bytes:
            size_bytes += await self._heal(on, self._keys[0])
            del self._keys[0]
        if not self._keys:
            self._left[0] = (on, self._behind, end)
            if not self._behind:
                del self._left[0]
        return State.BUSY if self._left else State.DONE

    async def _heal(self, on: ErasureSet, key: bytes) -> int:
        healed = await self._healer.heal(on, key, verify=self._verify)
        self._done += 1
        self._damaged += healed.damaged
        self._repaired += healed.repaired
        self._done_bytes += healed.size_bytes
        if healed.failed:
            self._failed += 1
            self._message = healed.failed
        return healed.size_bytes

    async def wait(self) -> None:
        """A sweep always has work until it is done."""

    def status(self) -> Status:
        """Return progress."""
        return Status(
            name=self.name,
            done=self._done,
            total=max(self._total, self._done) if self._total else 0,
            done_bytes=self._done_bytes,
            damaged=self._damaged,
            repaired=self._repaired,
            failed=self._failed,
            message=self._message,
        )
