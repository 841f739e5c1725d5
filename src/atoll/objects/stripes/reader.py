"""One content being read: data shards first, parity where one is damaged, missing or slow.

Owns      which shards are asked for which stripes, reconstruction in line, and read-ahead.
Invariant bytes that leave here were verified by their drive, or rebuilt from k blocks that were.
Memory    a shard that failed is not asked again by the same reader, so one damaged shard costs one
          detour, not one per batch; each shard is reported at most once.
Bounds    two batches of stripes are held: one is read while the other is sent.
Errors    Bitrot when more shards are damaged or missing than parity replaces; QuorumLost when that
          is for want of drives that answer.
Source    docs/design/shards.md
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence, Set
from typing import Final

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
from atoll.core.erasure.codec import Block, Codec
from atoll.core.erasure.geometry import Geometry
from atoll.drives.contract import ShardShape
from atoll.drives.io import Work
from atoll.objects.stripes.limits import Limits
from atoll.objects.stripes.replies import ask, fault_of
from atoll.objects.stripes.writer import Target

Blocks = list[bytes | memoryview | None]

#: Hedge times without any reply after which all shards that are out count as slow.
_ALL_SLOW: Final = 4

#: Told once per reader and shard: shard index and reason.
OnDamage = Callable[[int, str], None]


class _Batch:
    """Some stripes being read: what was asked, what came."""

    __slots__ = ("asked", "came", "stripes", "wanted")

    def __init__(self, stripes: range, wanted: range) -> None:
        self.stripes = stripes
        #: Data shards whose blocks are sent on; the others only serve reconstruction.
        self.wanted = wanted
        self.asked: dict[int, asyncio.Future[Blocks]] = {}
        self.came: dict[int, Blocks] = {}

    def is_complete(self) -> bool:
        """Return whether no wanted block is missing."""
        return all(index in self.came and None not in self.came[index] for index in self.wanted)

    def held(self, position: int) -> dict[int, Block]:
        """Return the good blocks of one stripe, by shard index."""
        blocks = ((index, came[position]) for index, came in self.came.items())
        return {index: block for index, block in blocks if block is not None}

    def least_held(self) -> int:
        """Return how many good blocks the worst stripe has so far."""
        return min(len(self.held(position)) for position in range(len(self.stripes)))


class ShardsReader:
    """The read of one content, or a range of it. Use once."""

    def __init__(
        self,
        targets: Sequence[Target],
        shape: ShardShape,
        *,
        codec: Codec,
        cpu: Work,
        limits: Limits,
        on_damage: OnDamage,
    ) -> None:
        self._targets = targets
        self._shape = shape
        self._geometry = Geometry(shape.data, shape.parity, shape.stripe_bytes, shape.data_bytes)
        self._codec = codec
        self._cpu = cpu
        self._limits = limits
        self._on_damage = on_damage
        #: Shards that failed, and why; not asked again.
        self._faults: dict[int, StoreError] = {}
        #: Shards that are slow; asked only when nothing else is left.
        self._slow: set[int] = set()
        #: Shards told to `on_damage`.
        self._reported: set[int] = set()

    async def read(self, first: int, last: int, /) -> AsyncGenerator[bytes | memoryview, None]:
        """Yield content bytes [first, last], inclusive."""
        ahead: _Batch | None = None
        for batch in self._plan(first, last):
            self._ask_first(batch)
            if ahead is not None:
                for piece in await self._pieces(ahead, first, last):
                    yield piece
            ahead = batch
        if ahead is not None:
            for piece in await self._pieces(ahead, first, last):
                yield piece

    def _plan(self, first: int, last: int, /) -> Iterator[_Batch]:
        stripes = self._geometry.stripes_of(first, last)
        step = self._limits.read_stripes
        for start in range(stripes.start, stripes.stop, step):
            part = range(start, min(start + step, stripes.stop))
            yield _Batch(part, self._wanted(part, first, last))

    def _wanted(self, stripes: range, first: int, last: int, /) -> range:
        """Return the data shards that hold bytes of the range; all of them for several stripes."""
        geometry = self._geometry
        if len(stripes) > 1:
            return range(geometry.data)
        start = stripes.start * geometry.stripe_bytes
        block = geometry.block_size(stripes.start)
        end = min(last - start, geometry.stripe_size(stripes.start) - 1)
        return range(max(0, first - start) // block, end // block + 1)

    def _ask_first(self, batch: _Batch) -> None:
        """Ask the wanted data shards; where one is known to be bad, k of the best at once."""
        bad = self._faults.keys() | self._slow
        if not bad.isdisjoint(batch.wanted):
            self._ask_more(batch, self._geometry.data)
        else:
            for index in batch.wanted:
                self._ask(batch, index)

    def _ask_more(self, batch: _Batch, count: int) -> None:
        """Ask up to `count` more shards: data before parity, slow ones last."""
        left = [
            index
            for index in range(self._geometry.shards)
            if index not in batch.asked and index not in self._faults
        ]
        left.sort(key=lambda index: index in self._slow)
        for index in left[:count]:
            self._ask(batch, index)

    def _ask(self, batch: _Batch, index: int) -> None:
        target = self._targets[index]
        if target.drive is None:
            self._note_fault(index, DriveMissing(drive=target.drive_id))
            return
        batch.asked[index] = ask(
            target.drive.read_blocks,
            target.address,
            self._shape,
            batch.stripes,
        )

    async def _pieces(self, batch: _Batch, first: int, last: int, /) -> list[bytes | memoryview]:
        """Return the bytes of a batch that lie in the range, in order."""
        await self._collect(batch)
        if not batch.is_complete():
            await self._cpu.run(lambda: self._rebuild(batch))
        pieces: list[bytes | memoryview] = []
        for position, stripe in enumerate(batch.stripes):
            start = stripe * self._geometry.stripe_bytes
            size = self._geometry.stripe_size(stripe)
            block_bytes = self._geometry.block_size(stripe)
            for index in batch.wanted:
                block = batch.came[index][position]
                assert block is not None
                at = index * block_bytes
                low = max(0, first - start - at)
                high = min(block_bytes, size - at, last + 1 - start - at)
                if low < high:
                    whole = low == 0 and high == len(block)
                    pieces.append(block if whole else memoryview(block)[low:high])
        return pieces

    async def _collect(self, batch: _Batch) -> None:
        """Wait until the batch is complete or can be rebuilt."""
        waited_s = 0.0
        while True:
            self._take_replies(batch)
            if batch.is_complete():
                return
            out = {
                index: reply
                for index, reply in batch.asked.items()
                if index not in batch.came and index not in self._faults
            }
            if not self._may_complete(batch, out.keys()):
                lacking = self._geometry.data - batch.least_held()
                prompt = out.keys() - self._slow
                if lacking <= 0:
                    return
                if lacking > len(prompt) and self._has_more(batch):
                    self._ask_more(batch, lacking - len(prompt))
                    continue
                if not out:
                    raise self._give_up(batch)
            waited_s = await self._wait(batch, out, waited_s)

    async def _wait(
        self, batch: _Batch, out: Mapping[int, asyncio.Future[Blocks]], waited_s: float
    ) -> float:
        """Wait for one reply; return for how long none came."""
        hedge_s = self._limits.hedge_s
        came, _ = await asyncio.wait(
            out.values(), timeout=hedge_s, return_when=asyncio.FIRST_COMPLETED
        )
        if came:
            return 0.0
        waited_s += hedge_s
        # When nothing came from anywhere, the node is busy rather than one drive slow: asking
        # every drive at once would make it busier.
        if batch.came or waited_s >= _ALL_SLOW * hedge_s:
            self._slow.update(out)
        if waited_s >= self._limits.hang_s:
            for index in out:
                self._note_fault(index, DriveSlow(shard=index))
        return waited_s

    def _may_complete(self, batch: _Batch, out: Set[int]) -> bool:
        """Return whether replies that are out, and not slow, may spare a reconstruction."""
        for index in batch.wanted:
            blocks = batch.came.get(index)
            if blocks is None:
                if index not in out or index in self._slow:
                    return False
            elif None in blocks:
                return False
        return True

    def _has_more(self, batch: _Batch) -> bool:
        return any(
            index not in batch.asked and index not in self._faults
            for index in range(self._geometry.shards)
        )

    def _take_replies(self, batch: _Batch) -> None:
        for index, reply in batch.asked.items():
            if index in batch.came or not reply.done():
                continue
            fault = fault_of(reply)
            if fault is not None:
                self._note_fault(index, fault)
                continue
            batch.came[index] = reply.result()
            self._slow.discard(index)
            if None in batch.came[index]:
                self._report(index, "a block does not match its checksum")

    def _note_fault(self, index: int, fault: DriveFault) -> None:
        if index not in self._faults:
            if isinstance(fault, ShardMissing | ShardCorrupt):
                self._report(index, str(fault))
            self._faults[index] = fault

    def _rebuild(self, batch: _Batch) -> None:
        """Fill in the wanted blocks that are missing. Runs in a thread, alone on this batch."""
        for position, stripe in enumerate(batch.stripes):
            held = batch.held(position)
            missing = [index for index in batch.wanted if index not in held]
            if not missing:
                continue
            size = self._geometry.stripe_size(stripe)
            made = self._codec.rebuild(held, size, missing)
            for index, block in zip(missing, made, strict=True):
                empty: Blocks = [None] * len(batch.stripes)
                batch.came.setdefault(index, empty)[position] = block

    def _report(self, index: int, reason: str) -> None:
        if index not in self._reported:
            self._reported.add(index)
            self._on_damage(index, reason)

    def _give_up(self, batch: _Batch) -> StoreError:
        """Return why a batch cannot be read: damage, or drives that do not answer."""
        held = batch.least_held()
        away = [
            fault
            for fault in self._faults.values()
            if not isinstance(fault, ShardMissing | ShardCorrupt)
        ]
        needed = self._geometry.data
        if held + len(away) < needed:
            return Bitrot(
                "More shards are damaged or missing than parity can replace.",
                data_id=self._targets[0].address.data_id.hex(),
                stripes=f"{batch.stripes.start}-{batch.stripes.stop - 1}",
                needed=needed,
                held=held,
            )
        return QuorumLost(needed=needed, reached=held, causes=[str(fault) for fault in away])
