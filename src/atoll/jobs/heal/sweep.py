"""Walk registers in key order and heal each: `atoll heal`, half of scrub, the end of a rebuild.

Place     (set, next key); a step heals at most one page, so cancelling loses at most a page of
          work.
Bounds    one page of keys, and a batch of stripes for each of `AT_ONCE` objects, in memory.
Failing   what is not possible now is tried a few times, then counted as failed and passed over:
          one key or set without its quorum does not hold up the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from atoll.base.errors import Unavailable
from atoll.base.ids import SetIndex
from atoll.core.placement.cluster_map import ClusterMap, ErasureSet
from atoll.jobs.heal.healer import Depth, Healed, Healer
from atoll.jobs.worker import Budget, State, Status
from atoll.registers.repair import Repairer

#: Behind every register key: keys begin with a letter.
KEYS_END: Final = b"\xff"
ATTEMPTS_MAX: Final = 3
#: Keys healed together: their syncs share group commits, their stripes stay below 64 MiB.
AT_ONCE: Final = 4

EVERYTHING: Final = ((b"", KEYS_END),)


class SweepScope(msgspec.Struct, frozen=True, kw_only=True):
    """What a sweep walks. `sets` None: all; `total` is an estimate of keys, 0: not known."""

    ranges: Sequence[tuple[bytes, bytes]] = EVERYTHING
    sets: Sequence[SetIndex] | None = None
    depth: Depth = Depth.PRESENCE
    total: int = 0


class Sweep:
    """One walk over key ranges of all sets, or of some."""

    def __init__(
        self,
        name: str,
        healer: Healer,
        repairer: Repairer,
        current_map: Callable[[], ClusterMap],
        scope: SweepScope,
    ) -> None:
        self.name = name
        self._healer = healer
        self._repairer = repairer
        self._scope = scope
        sets = scope.sets
        chosen = [on for on in current_map().sets if sets is None or on.index in sets]
        #: What is left: (set, next key, end).
        self._left: list[tuple[ErasureSet, bytes, bytes]] = [
            (on, start, end) for on in chosen for start, end in scope.ranges
        ]
        self._keys: list[bytes] = []
        self._behind = b""
        self._attempts = 0
        self._done = self._failed = 0
        self._sum = Healed()
        self._message = ""

    async def step(self, budget: Budget) -> State:
        """Heal the next keys."""
        if not self._left:
            return State.DONE
        on, start, end = self._left[0]
        if not self._keys:
            await self._list(on, start, end, budget.rows)
        end_bytes = self._sum.size_bytes + budget.size_bytes
        while self._keys and self._sum.size_bytes < end_bytes:
            await self._heal_some(on)
        if not self._keys:
            self._left[0] = (on, self._behind, end)
            if not self._behind:
                del self._left[0]
        return State.BUSY if self._left else State.DONE

    async def _list(self, on: ErasureSet, start: bytes, end: bytes, rows: int) -> None:
        """Read the next page of keys; a set that cannot be listed is passed over in the end."""
        try:
            page, self._behind = await self._repairer.list_page(on, start, end, rows)
        except Unavailable as exc:
            self._try_again(exc, 1)
            page, self._behind = [], b""
        self._attempts = 0
        self._keys = [row.key for row in page]

    async def _heal_some(self, on: ErasureSet) -> None:
        """Heal the next keys together; those that cannot be healed now stay in front."""
        keys = self._keys[:AT_ONCE]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._heal(on, key)) for key in keys]
        outcomes = [task.result() for task in tasks]
        stuck = [key for key, one in zip(keys, outcomes, strict=True) if isinstance(one, Exception)]
        self._keys[: len(keys)] = stuck
        for outcome in outcomes:
            if isinstance(outcome, Healed):
                self._note(outcome)
        for outcome in outcomes:
            if isinstance(outcome, Unavailable):
                self._try_again(outcome, len(stuck))
                # Not again: they are counted as failed, and passed over.
                del self._keys[: len(stuck)]
                break
        self._attempts = 0

    async def _heal(self, on: ErasureSet, key: bytes) -> Healed | Unavailable:
        try:
            return await self._healer.heal(on, key, self._scope.depth)
        except Unavailable as exc:
            return exc

    def _note(self, healed: Healed) -> None:
        self._done += 1
        self._sum = Healed(
            self._sum.damaged + healed.damaged,
            self._sum.repaired + healed.repaired,
            self._sum.size_bytes + healed.size_bytes,
        )
        if healed.failed or healed.later:
            self._failed += 1
            self._message = healed.failed or healed.later

    def _try_again(self, exc: Unavailable, count: int) -> None:
        """Let the runner pause and repeat the step, a few times; then count failures."""
        self._attempts += 1
        if self._attempts < ATTEMPTS_MAX:
            raise exc
        self._failed += count
        self._message = str(exc)

    async def wait(self) -> None:
        """A sweep always has work until it is done."""

    def status(self) -> Status:
        """Return progress."""
        total = self._scope.total
        return Status(
            name=self.name,
            done=self._done,
            total=max(total, self._done) if total else 0,
            done_bytes=self._sum.size_bytes,
            damaged=self._sum.damaged,
            repaired=self._sum.repaired,
            failed=self._failed,
            message=self._message,
        )
