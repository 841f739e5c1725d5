"""Complete writes whose outcome is unknown, so that ballots do not stay open for ever.

An open ballot holds the settled watermark of its set down, and readers fall back to counting;
nothing is wrong meanwhile.
Tasks     `run`, owned by the node. Each key is tried with growing pauses until it succeeds.
"""

from __future__ import annotations

import asyncio
from typing import Final

from atoll.base.errors import BucketNotFound, Contended, StoreError
from atoll.registers.members import Spot
from atoll.registers.proposer import Proposer
from atoll.registers.turns import Turns

#: After this many refusals by a seal the owner is gone for good, and the value becomes a tombstone.
SEALED_ATTEMPTS_MAX: Final = 12


class Resolver:
    """Keys with open ballots, one after another."""

    def __init__(self, proposer: Proposer, turns: Turns) -> None:
        self._proposer = proposer
        self._turns = turns
        self._waiting: dict[tuple[int, bytes], Spot] = {}
        self._sealed: dict[tuple[int, bytes], int] = {}
        self._wake = asyncio.Event()

    @property
    def depth(self) -> int:
        """Return the number of keys that wait."""
        return len(self._waiting)

    def add(self, spot: Spot) -> None:
        """Queue a key; a key that is queued already stays where it is."""
        self._waiting.setdefault((spot.on.index, spot.key), spot)
        self._wake.set()

    async def run(self) -> None:
        """Resolve keys for ever."""
        pause_s = self._proposer.settings.backoff_s
        while True:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            if await self.step():
                pause_s = self._proposer.settings.backoff_s
                continue
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, self._proposer.settings.resolve_max_s)

    async def step(self) -> bool:
        """Try the key that waits longest; return whether it is resolved."""
        where, spot = next(iter(self._waiting.items()))
        del self._waiting[where]
        if where not in self._proposer.unresolved:
            self._sealed.pop(where, None)
            return True
        try:
            await self._turns.take(spot.key)
        except Contended:
            self._waiting[where] = spot
            return False
        try:
            kill = self._sealed.get(where, 0) >= SEALED_ATTEMPTS_MAX
            await self._proposer.complete(spot, kill_sealed=kill)
        except BucketNotFound:
            self._sealed[where] = self._sealed.get(where, 0) + 1
            self._waiting[where] = spot
            return False
        except StoreError:
            self._waiting[where] = spot
            return False
        finally:
            self._turns.give(spot.key)
        self._sealed.pop(where, None)
        return True
