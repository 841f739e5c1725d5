"""Check the shards of one content and write those again that are damaged or missing.

Owns      which shards count as bad, where good blocks come from, and the new shards.
Does not  know registers: who calls has proven that the content is named, and keeps it pinned.
Check     without `verify` a shard's header and its last block, which a truncated file lacks; with
          it every block.
Rebuild   batch by batch, each stripe from k blocks that their drives verified; a shard is replaced
          whole and at once, by the same rule of packed and file as when it was first written.
Bounds    one batch of stripes of all shards in memory; the lost drive of a set is skipped.
Source    docs/design/heal.md
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from atoll.base.errors import (
    Bitrot,
    DriveFault,
    DriveMissing,
    DriveSlow,
    QuorumLost,
    ShardCorrupt,
    ShardMissing,
    StoreError,
)
from atoll.base.ids import DriveId
from atoll.core.erasure.codec import Block, Codec
from atoll.core.erasure.geometry import Geometry
from atoll.core.formats.data_ref import DataRef
from atoll.core.placement.cluster_map import ClusterMap
from atoll.drives.contract import Drive, PackedShard, ShardShape, ShardSink
from atoll.drives.io import Work
from atoll.objects.stripes.limits import Limits
from atoll.objects.stripes.places import plan_targets, shape_of
from atoll.objects.stripes.replies import ask, fault_of
from atoll.objects.stripes.writer import Target

Blocks = list[bytes | memoryview | None]

#: A drive that did not answer is left out for so long: it costs one wait, not one per object.
SLOW_FOR_S: Final = 30.0
#: How long a write to a drive under repair may take; nobody waits for it but the job.
WRITE_WITHIN_S: Final = 60.0


class ShardHeal(msgspec.Struct, frozen=True):
    """What the repair of one content did.

    `damaged` and `repaired` count shards. `left` are the drives whose shard could not be looked at
    or written.
    """

    damaged: int
    repaired: int
    size_bytes: int
    left: frozenset[DriveId] = frozenset()


class ShardRepairer:
    """Repairs contents one by one. Calls may run concurrently."""

    def __init__(
        self,
        *,
        map_source: Callable[[], ClusterMap],
        drives: Mapping[DriveId, Drive],
        cpu: Work,
        limits: Limits = Limits(),  # noqa: B008 (frozen value)
    ) -> None:
        self._map_source = map_source
        self._drives = drives
        self._cpu = cpu
        self._limits = limits
        self._codecs: dict[tuple[int, int], Codec] = {}
        #: Drives that did not answer → the loop's time until which they are not asked.
        self._slow: dict[DriveId, float] = {}

    async def heal(self, ref: DataRef, *, verify: bool) -> ShardHeal:
        """Check all shards of a content and rebuild bad ones; durable when it returns.

        Raises
            Bitrot: more shards are bad than parity replaces.
            QuorumLost: drives that do not answer hold what is needed.
        """
        targets = plan_targets(ref, self._map_source().sets[ref.set_index], self._drives)
        codec = self._codecs.setdefault(
            (ref.data, ref.parity), Codec(data=ref.data, parity=ref.parity)
        )
        repair = _Repair(self, targets, ref, codec)
        await repair.check(verify=verify)
        while wanted := repair.wanted():
            await repair.rebuild(wanted)
        return repair.result()

    def reach(self, target: Target) -> Drive | None:
        """Return a shard's drive; None: it is not there, or it did not answer lately."""
        until = self._slow.get(target.drive_id)
        if until is not None:
            if asyncio.get_running_loop().time() < until:
                return None
            del self._slow[target.drive_id]
        return target.drive

    async def settle(
        self, replies: Mapping[int, asyncio.Future[Any]], targets: Sequence[Target], within_s: float
    ) -> dict[int, DriveFault | None]:
        """Wait for replies of drives, by shard index; return the fault of each."""
        if replies:
            await asyncio.wait(replies.values(), timeout=within_s)
        faults: dict[int, DriveFault | None] = {}
        for index, reply in replies.items():
            if reply.done():
                faults[index] = fault_of(reply)
                continue
            drive_id = targets[index].drive_id
            faults[index] = DriveSlow(drive=drive_id)
            self._slow[drive_id] = asyncio.get_running_loop().time() + SLOW_FOR_S
        return faults

    @property
    def cpu(self) -> Work:
        """Return where encoding is done."""
        return self._cpu

    @property
    def limits(self) -> Limits:
        """Return times and batch size."""
        return self._limits


class _Repair:
    """The repair of one content."""

    def __init__(
        self, owner: ShardRepairer, targets: Sequence[Target], ref: DataRef, codec: Codec
    ) -> None:
        self._owner = owner
        self._targets = targets
        self._ref = ref
        self._codec = codec
        self._shape: ShardShape = shape_of(ref)
        self._geometry = Geometry(ref.data, ref.parity, ref.stripe_bytes, ref.size_bytes)
        #: Shards that must be written again.
        self._bad: set[int] = set()
        #: Bad shards that have no readable block at all.
        self._lost: set[int] = set()
        #: Shards whose drive does not answer, and why.
        self._away: dict[int, StoreError] = {}
        self._repaired: set[int] = set()
        #: Bad shards that could not be written.
        self._unwritten: set[int] = set()
        self._size_bytes = 0

    def wanted(self) -> list[int]:
        """Return the shards that are still to be rebuilt, by index."""
        return sorted(self._bad - self._repaired - self._unwritten - self._away.keys())

    def result(self) -> ShardHeal:
        """Return what was done."""
        left = {self._targets[index].drive_id for index in self._unwritten | self._away.keys()}
        return ShardHeal(len(self._bad), len(self._repaired), self._size_bytes, frozenset(left))

    # ── check ──────────────────────────────────────────────────────────────────────────────────

    async def check(self, *, verify: bool) -> None:
        """Find bad shards and drives that are away."""
        stripes = self._geometry.stripes
        if not verify:
            await self._read(range(len(self._targets)), range(stripes - 1, stripes))
            return
        for part in self._parts():
            await self._read(range(len(self._targets)), part)

    def _parts(self) -> Iterable[range]:
        step = self._owner.limits.read_stripes
        stripes = self._geometry.stripes
        return (range(start, min(start + step, stripes)) for start in range(0, stripes, step))

    async def _read(self, indexes: Iterable[int], stripes: range) -> dict[int, Blocks]:
        """Return what the drives show of some stripes; note what is bad and who is away."""
        replies: dict[int, asyncio.Future[Blocks]] = {}
        for index in indexes:
            if index in self._away or index in self._lost:
                continue
            target = self._targets[index]
            drive = self._owner.reach(target)
            if drive is None:
                self._away[index] = DriveMissing(drive=target.drive_id)
                continue
            replies[index] = ask(drive.read_blocks, target.address, self._shape, stripes)
        faults = await self._owner.settle(replies, self._targets, self._owner.limits.hang_s)
        came: dict[int, Blocks] = {}
        for index, fault in faults.items():
            if isinstance(fault, ShardMissing | ShardCorrupt):
                self._bad.add(index)
                self._lost.add(index)
            elif fault is not None:
                self._away[index] = fault
            else:
                came[index] = replies[index].result()
                self._size_bytes += sum(len(block) for block in came[index] if block is not None)
                if None in came[index]:
                    self._bad.add(index)
        return came

    # ── rebuild ────────────────────────────────────────────────────────────────────────────────

    async def rebuild(self, wanted: Sequence[int]) -> None:
        """Write shards again. Those whose drive does not take them are noted as unwritten."""
        if self._ref.packed:
            await self._rebuild_packed(wanted)
        else:
            await self._rebuild_files(wanted)

    async def _rebuild_packed(self, wanted: Sequence[int]) -> None:
        made: dict[int, list[Block]] = {index: [] for index in wanted}
        for part in self._parts():
            for index, blocks in (await self._make(wanted, part)).items():
                made[index] += blocks
        replies: dict[int, asyncio.Future[None]] = {}
        for index in wanted:
            target = self._targets[index]
            drive = self._owner.reach(target)
            if drive is not None:
                shard = PackedShard(target.address, self._shape, tuple(made[index]))
                replies[index] = ask(drive.put_shards, [shard])
        self._note_written(wanted, await self._settle_writes(replies))

    async def _rebuild_files(self, wanted: Sequence[int]) -> None:
        sinks = await self._open_sinks(wanted)
        committed: set[int] = set()
        try:
            for part in self._parts():
                if not sinks:
                    break
                made = await self._make(sorted(sinks), part)
                writes = {index: ask(sinks[index].write, made[index]) for index in made}
                await self._drop_failed(sinks, writes)
            commits = {
                index: ask(sink.commit, self._ref.size_bytes) for index, sink in sinks.items()
            }
            faults = await self._settle_writes(commits)
            committed = {index for index, fault in faults.items() if fault is None}
            self._note_written(wanted, faults)
        finally:
            for index, sink in sinks.items():
                if index not in committed:
                    ask(sink.abort)

    async def _open_sinks(self, wanted: Sequence[int]) -> dict[int, ShardSink]:
        opening: dict[int, asyncio.Future[ShardSink]] = {}
        for index in wanted:
            target = self._targets[index]
            drive = self._owner.reach(target)
            if drive is not None:
                opening[index] = ask(drive.open_sink, target.address, self._shape)
        try:
            faults = await self._settle_writes(opening)
        except asyncio.CancelledError:
            for sink in opening.values():
                sink.add_done_callback(_abort_opened)
            raise
        for index, fault in faults.items():
            if fault is not None:
                opening[index].add_done_callback(_abort_opened)
        return {index: opening[index].result() for index, fault in faults.items() if fault is None}

    async def _drop_failed(
        self, sinks: dict[int, ShardSink], writes: Mapping[int, asyncio.Future[None]]
    ) -> None:
        for index, fault in (await self._settle_writes(writes)).items():
            if fault is not None:
                ask(sinks.pop(index).abort)

    async def _settle_writes(
        self, replies: Mapping[int, asyncio.Future[Any]]
    ) -> dict[int, DriveFault | None]:
        return await self._owner.settle(replies, self._targets, WRITE_WITHIN_S)

    def _note_written(self, wanted: Sequence[int], faults: Mapping[int, DriveFault | None]) -> None:
        for index in wanted:
            is_written = index in faults and faults[index] is None
            (self._repaired if is_written else self._unwritten).add(index)

    async def _make(self, wanted: Sequence[int], stripes: range) -> dict[int, list[Block]]:
        """Return blocks of the wanted shards for some stripes, from k good blocks of each."""
        held = await self._gather(stripes)

        def rebuild() -> dict[int, list[Block]]:
            made: dict[int, list[Block]] = {index: [] for index in wanted}
            for position, stripe in enumerate(stripes):
                size = self._geometry.stripe_size(stripe)
                blocks = self._codec.rebuild(held[position], size, wanted)
                for index, block in zip(wanted, blocks, strict=True):
                    made[index].append(block)
            return made

        return await self._owner.cpu.run(rebuild)

    async def _gather(self, stripes: range) -> list[dict[int, Block]]:
        """Return k or more good blocks of each stripe: from whole shards first."""
        held: list[dict[int, Block]] = [{} for _ in stripes]
        order = sorted(range(len(self._targets)), key=lambda index: index in self._bad)
        waiting = [index for index in order if index not in self._away and index not in self._lost]
        while (lacking := self._geometry.data - min(len(blocks) for blocks in held)) > 0:
            if not waiting:
                raise self._give_up(stripes, self._geometry.data - lacking)
            asked, waiting = waiting[:lacking], waiting[lacking:]
            for index, blocks in (await self._read(asked, stripes)).items():
                for position, block in enumerate(blocks):
                    if block is not None:
                        held[position][index] = block
        return held

    def _give_up(self, stripes: range, held: int) -> StoreError:
        needed = self._geometry.data
        if held + len(self._away) < needed:
            return Bitrot(
                "More shards are damaged or missing than parity can replace.",
                data_id=self._ref.data_id.hex(),
                stripes=f"{stripes.start}-{stripes.stop - 1}",
                needed=needed,
                held=held,
            )
        causes = [str(fault) for fault in self._away.values()]
        return QuorumLost(needed=needed, reached=held, causes=causes)


def _abort_opened(opening: asyncio.Future[ShardSink]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        ask(opening.result().abort)
