"""Heal what somebody stumbled over: a bounded queue of keys, worked off one by one.

Hints     are accelerators: a hint that is lost (full queue, restart) is found again by a sweep or
          scrub.
Once      a key waits in the queue at most once. A hint at the key that is being healed, or at bytes
          that a register is yet to name, is looked at later.
Retries   what cannot be healed now is tried again after pauses that double, at most `ATTEMPTS_MAX`
          times; then its drives are noted as lacking something.
Never     holds up other keys for one whose drives are away.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from atoll.base.errors import Unavailable
from atoll.base.ids import DriveId
from atoll.core.placement.cluster_map import ClusterMap, ErasureSet
from atoll.jobs.heal.healer import Depth, Healed
from atoll.jobs.worker import Budget, State, Status

HINTS_MAX: Final = 100_000
ATTEMPTS_MAX: Final = 6
RETRY_FIRST_S: Final = 2.0

_Where = tuple[int, bytes]


class Absences(Protocol):
    """Whoever keeps account of drives that must be swept when they are back."""

    def note(self, drives: Iterable[DriveId]) -> None:
        """These drives lack something that could not be given to them."""
        ...

    def covers(self, drives: Iterable[DriveId]) -> bool:
        """Return whether all of these drives are going to be swept anyway, and note them again."""
        ...


class OwnerHealer(Protocol):
    """Whoever heals a key."""

    async def heal_owner(self, on: ErasureSet, key: bytes, depth: Depth) -> Healed:
        """Heal a register, its data, and the registers that name data under its key.

        Raises
            Unavailable: not possible now; try again later.
        """
        ...


class HintWorker:
    """The hint queue and its worker."""

    name = "heal hints"

    def __init__(
        self,
        healer: OwnerHealer,
        current_map: Callable[[], ClusterMap],
        absences: Absences,
        *,
        hints_max: int = HINTS_MAX,
    ) -> None:
        self._healer = healer
        self._current_map = current_map
        self._absences = absences
        self._hints_max = hints_max
        #: Keys to heal now → attempts that failed.
        self._ready: dict[_Where, int] = {}
        #: Keys that wait for their next attempt → attempts that failed; in `_due` by time.
        self._waiting: dict[_Where, int] = {}
        self._due: list[tuple[float, _Where]] = []
        #: The key that is being healed.
        self._present: _Where | None = None
        self._wake = asyncio.Event()
        self._done = self._failed = 0
        self._sum = Healed()
        self._message = ""

    @property
    def depth(self) -> int:
        """Return the number of keys queued."""
        return len(self._ready) + len(self._waiting)

    def add(self, set_index: int, key: bytes, *, after_s: float = 0.0) -> None:
        """Queue a key, to be healed `after_s` seconds from now at the earliest.

        Called from anywhere on the loop; never blocks.
        """
        where = (set_index, key)
        if where == self._present:
            # What is hinted at may be newer than what is being looked at.
            after_s = max(after_s, RETRY_FIRST_S)
        elif where in self._ready and not after_s:
            return
        if where in self._waiting:
            return
        if self.depth >= self._hints_max:
            self._failed += 1
            return
        if after_s:
            self._postpone(where, 0, after_s)
        else:
            self._ready[where] = 0
        self._wake.set()

    async def step(self, budget: Budget) -> State:
        """Heal some queued keys."""
        self._take_due()
        end_bytes = self._sum.size_bytes + budget.size_bytes
        for _ in range(min(budget.rows, len(self._ready))):
            where = self._present = next(iter(self._ready))
            try:
                healed = await self._heal(where)
            finally:
                self._present = None
            # Only now: a step that is cancelled begins again with the same key.
            attempts = self._ready.pop(where)
            self._note(where, attempts, healed)
            if self._sum.size_bytes >= end_bytes:
                break
        return State.BUSY if self._ready else State.IDLE

    async def _heal(self, where: _Where) -> Healed:
        set_index, key = where
        sets = self._current_map().sets
        if set_index >= len(sets):
            return Healed()
        try:
            return await self._healer.heal_owner(sets[set_index], key, Depth.BYTES)
        except Unavailable as exc:
            return Healed(later=str(exc))

    def _note(self, where: _Where, attempts: int, healed: Healed) -> None:
        self._sum = Healed(
            self._sum.damaged + healed.damaged,
            self._sum.repaired + healed.repaired,
            self._sum.size_bytes + healed.size_bytes,
        )
        if healed.failed:
            self._failed += 1
            self._message = healed.failed
        if not healed.later and not healed.left:
            self._done += 1
            return
        self._message = healed.failed or healed.later or self._message
        if not healed.later and self._absences.covers(healed.left):
            self._done += 1
        elif attempts + 1 < ATTEMPTS_MAX:
            self._postpone(where, attempts + 1, RETRY_FIRST_S * 2**attempts)
        else:
            self._failed += 1
            self._absences.note(healed.left)

    def _postpone(self, where: _Where, attempts: int, pause_s: float) -> None:
        if where not in self._waiting:
            heapq.heappush(self._due, (asyncio.get_running_loop().time() + pause_s, where))
        self._waiting[where] = attempts

    def _take_due(self) -> None:
        now_s = asyncio.get_running_loop().time()
        while self._due and self._due[0][0] <= now_s:
            where = heapq.heappop(self._due)[1]
            attempts = self._waiting.pop(where)
            self._ready.setdefault(where, attempts)

    async def wait(self) -> None:
        """Return when a key is queued, or one that waits is due."""
        self._wake.clear()
        if self._ready:
            return
        due_s = self._due[0][0] if self._due else None
        try:
            async with asyncio.timeout_at(due_s):
                await self._wake.wait()
        except TimeoutError:
            return

    def status(self) -> Status:
        """Return progress since the start."""
        return Status(
            name=self.name,
            queued=self.depth,
            done=self._done,
            done_bytes=self._sum.size_bytes,
            damaged=self._sum.damaged,
            repaired=self._sum.repaired,
            failed=self._failed,
            message=self._message,
        )
