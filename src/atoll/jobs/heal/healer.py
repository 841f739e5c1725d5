"""Heal one register and the data it names.

Owns      the order: register first, then the shards of all data the chosen record names.
Does not  find what to heal (hints, sweeps, rebuild) or know erasure coding (the object layer's stripes).
Idempotent healing what is whole reads a little and writes nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from atoll.base.errors import Damaged, StoreError, Unavailable
from atoll.core.formats.data_ref import DataRef
from atoll.core.placement.cluster_map import ErasureSet
from atoll.core.quorum.messages import Detail
from atoll.registers.members import Spot
from atoll.registers.reader import Reader
from atoll.registers.repair import Repairer


class ShardHeal(msgspec.Struct, frozen=True):
    """What healing one data id found: shards damaged or missing, shards written again, bytes read."""

    damaged: int
    repaired: int
    size_bytes: int


class ShardHealer(Protocol):
    """Whoever can rebuild shards."""

    async def heal(self, ref: DataRef, *, verify: bool) -> ShardHeal:
        """Check all shards of a data id, reading every byte with `verify`, and rebuild bad ones.

        Raises
            Bitrot: more shards are gone than parity replaces.
        """
        ...


class DataNames(Protocol):
    """Whoever knows which data a register's value names."""

    def refs(self, key: bytes, head: bytes) -> AsyncIterator[DataRef]:
        """Iterate over all data that the head of `key` names, pages and manifests included."""
        ...


class Healed(msgspec.Struct, frozen=True):
    """What healing one register did. `failed` says why something could not be repaired."""

    damaged: int = 0
    repaired: int = 0
    size_bytes: int = 0
    failed: str = ""


class Healer:
    """Heals registers one by one."""

    def __init__(
        self, reader: Reader, repairer: Repairer, names: DataNames, shards: ShardHealer
    ) -> None:
        self._reader = reader
        self._repairer = repairer
        self._names = names
        self._shards = shards

    async def heal(self, on: ErasureSet, key: bytes, *, verify: bool) -> Healed:
        """Heal the register `key` and its data.

        Raises
            Unavailable: not possible now; try again later.
        """
        spot = Spot(on, key)
        rewritten = await self._repairer.repair(spot)
        damaged = repaired = int(rewritten)
        size_bytes = 0
        failed = ""
        record = await self._reader.read(spot, Detail.HEAD)
        if record is None or not record.value.live:
            return Healed(damaged, repaired)
        try:
            async for ref in self._names.refs(key, record.value.head):
                try:
                    done = await self._shards.heal(ref, verify=verify)
                except Damaged as exc:
                    damaged += 1
                    failed = failed or str(exc)
                    continue
                damaged += done.damaged
                repaired += done.repaired
                size_bytes += done.size_bytes
        except Unavailable:
            raise
        except StoreError as exc:
            failed = failed or str(exc)
        return Healed(damaged, repaired, size_bytes, failed)
