"""Heal one register and the data it names.

Owns       the order: register first, then the shards of all data the chosen record names.
Does not   find what to heal (hints, sweeps, scrub, rebuild) or know erasure coding
           (objects.stripes.repair).
Pins       data is pinned while its shards are looked at, so that none is rebuilt behind a free of
           this process. A shard that comes back all the same is an orphan, for the scan.
Idempotent healing what is whole reads a little and writes nothing.
Source     docs/design/heal.md
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from enum import IntEnum
from typing import Final, Protocol

import msgspec

from atoll.base.errors import Damaged, Unavailable
from atoll.base.ids import DataId, DriveId
from atoll.core.formats.data_ref import DataRef
from atoll.core.placement.cluster_map import ErasureSet
from atoll.core.quorum.messages import Detail, Record
from atoll.objects.stripes.repair import ShardHeal
from atoll.registers.members import Spot
from atoll.registers.reader import Reader
from atoll.registers.repair import Copies, Repairer
from atoll.telemetry.metrics import HealMetrics

#: Looks at a recent record whose copies differ before a drive counts as behind: it may be on its
#: way there.
LOOKS_MAX: Final = 4
LOOK_AGAIN_S: Final = 0.025
#: Registers of one owner (parts of its uploads) healed per page.
_COMPANIONS: Final = 256


class Depth(IntEnum):
    """How much healing reads."""

    #: Heads of records, headers and ends of shards.
    PRESENCE = 0
    #: Whole records with their inline bytes; headers and ends of shards.
    RECORDS = 1
    #: Every byte.
    BYTES = 2


class ShardHealer(Protocol):
    """Whoever can rebuild shards."""

    async def heal(self, ref: DataRef, *, verify: bool) -> ShardHeal:
        """Check all shards of a data id, reading every byte with `verify`, and rebuild bad ones.

        Raises
            Bitrot: more shards are gone than parity replaces.
            QuorumLost: drives that do not answer hold what is needed.
        """
        ...


class DataNames(Protocol):
    """Whoever knows which data a register's value names."""

    def refs(self, key: bytes, head: bytes, /) -> AsyncGenerator[DataRef, None]:
        """Iterate over all data that the head of `key` names, pages and manifests included.

        Raises Damaged and Unavailable when a page or manifest cannot be read.
        """
        ...

    def companions(self, key: bytes) -> Sequence[tuple[bytes, bytes]]:
        """Return the key ranges whose registers name data owned by `key`, on the same set."""
        ...


class Pins(Protocol):
    """Whoever can keep data from being freed for a while."""

    def pin(self, data_id: DataId) -> None:
        """Keep a data id. Counted."""
        ...

    def unpin(self, data_id: DataId) -> None:
        """Undo one `pin`."""
        ...


class Healed(msgspec.Struct, frozen=True):
    """What a heal did: copies and shards found bad, and written again.

    `failed` says what is lost or cannot be read; `later` what could not be done now; `left` names
    the drives that should hold more than they could be given.
    """

    damaged: int = 0
    repaired: int = 0
    size_bytes: int = 0
    failed: str = ""
    later: str = ""
    left: frozenset[DriveId] = frozenset()

    def plus(self, other: Healed) -> Healed:
        """Return both together."""
        return Healed(
            self.damaged + other.damaged,
            self.repaired + other.repaired,
            self.size_bytes + other.size_bytes,
            self.failed or other.failed,
            self.later or other.later,
            self.left | other.left,
        )


class Healer:
    """Heals registers one by one."""

    def __init__(
        self,
        reader: Reader,
        repairer: Repairer,
        names: DataNames,
        shards: ShardHealer,
        pins: Pins,
        *,
        metrics: HealMetrics,
    ) -> None:
        self._metrics = metrics
        self._reader = reader
        self._repairer = repairer
        self._names = names
        self._shards = shards
        self._pins = pins

    async def heal(self, on: ErasureSet, key: bytes, depth: Depth) -> Healed:
        """Heal the register `key` and its data.

        Raises
            Unavailable: the register cannot be healed now; try again later.
        """
        healed = await self._heal(Spot(on, key), depth)
        self._metrics.read_bytes.add(healed.size_bytes)
        if healed.failed:
            self._metrics.failed.add()
        return healed

    async def _heal(self, spot: Spot, depth: Depth) -> Healed:
        on = spot.on
        detail = Detail.HEAD if depth is Depth.PRESENCE else Detail.WHOLE
        healed, found = await self._heal_register(spot, detail)
        record = found.newest
        if len(on.drives) - len(found.behind) < on.quorums.write:
            record = await self._reader.read(spot, Detail.HEAD)
        if record is None or not record.value.live:
            return healed
        return healed.plus(await self._heal_data(spot, record, depth))

    async def heal_owner(self, on: ErasureSet, key: bytes, depth: Depth) -> Healed:
        """Heal a register, and the registers that name data under its key: parts of its uploads.

        Raises
            Unavailable: not possible now; try again later.
        """
        healed = await self.heal(on, key, depth)
        for start, end in self._names.companions(key):
            place = start
            while place:
                rows, place = await self._repairer.list_page(on, place, end, _COMPANIONS)
                for row in rows:
                    healed = healed.plus(await self.heal(on, row.key, depth))
        return healed

    async def _heal_register(self, spot: Spot, detail: Detail) -> tuple[Healed, Copies]:
        found = await self._repairer.inspect(spot, detail)
        lacking = found.repairable
        for _ in range(LOOKS_MAX):
            if lacking <= frozenset(found.unreadable) or not self._repairer.is_recent(found):
                break
            await asyncio.sleep(LOOK_AGAIN_S)
            found = await self._repairer.inspect(spot, detail)
            lacking &= found.repairable
        silent = frozenset(found.silent)
        if not lacking:
            return Healed(left=silent), found
        await self._repairer.repair(spot, detail)
        after = await self._repairer.inspect(spot, detail)
        stuck = lacking & after.repairable
        healed = Healed(len(lacking), len(lacking) - len(stuck), left=silent | stuck)
        self._metrics.registers_damaged.add(healed.damaged)
        self._metrics.registers_repaired.add(healed.repaired)
        return healed, after

    async def _heal_data(self, spot: Spot, record: Record, depth: Depth) -> Healed:
        healed = Healed()
        try:
            async with aclosing(self._names.refs(spot.key, record.value.head)) as refs:
                async for ref in refs:
                    healed = healed.plus(await self._heal_ref(spot, record, ref, depth))
        except Damaged as exc:
            if await self._is_current(spot, record):
                healed = healed.plus(Healed(failed=str(exc)))
        except Unavailable as exc:
            healed = healed.plus(Healed(later=str(exc)))
        return healed

    async def _heal_ref(self, spot: Spot, record: Record, ref: DataRef, depth: Depth) -> Healed:
        self._pins.pin(ref.data_id)
        try:
            done = await self._shards.heal(ref, verify=depth is Depth.BYTES)
        except Damaged as exc:
            # Data of a record that was replaced meanwhile may be gone, and is no loss.
            if not await self._is_current(spot, record):
                return Healed()
            self._metrics.shards_damaged.add()
            return Healed(damaged=1, failed=str(exc))
        except Unavailable as exc:
            return Healed(later=str(exc))
        finally:
            self._pins.unpin(ref.data_id)
        self._metrics.shards_damaged.add(done.damaged)
        self._metrics.shards_repaired.add(done.repaired)
        return Healed(done.damaged, done.repaired, done.size_bytes, left=done.left)

    async def _is_current(self, spot: Spot, record: Record) -> bool:
        """Return whether the key still has the value that was healed, as far as can be told."""
        try:
            now = await self._reader.read(spot, Detail.HEAD)
        except Unavailable:
            return True
        return now is not None and now.value.write_id == record.value.write_id
