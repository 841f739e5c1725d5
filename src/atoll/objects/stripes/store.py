"""The byte store over erasure sets: small content packed, larger content in shard files.

Owns      data ids, the choice of drives for shards, and the removal of bytes that failed.
Implements objects.bytes_contract.ByteStore.
Does not  name data in a register: until the caller does, every shard written here is an orphan.
Invariant a reference returned by a write has at least Q2 durable shards.
Source    docs/design/shards.md
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from atoll.base.clock import Clock, Entropy
from atoll.base.ids import DriveId, clock_from_ms, make_data_id
from atoll.base.limits import PACKED_BYTES_MAX, STRIPE_BYTES
from atoll.base.units import NS_PER_MS
from atoll.core.erasure.codec import Codec
from atoll.core.placement.cluster_map import ClusterMap, ErasureSet
from atoll.drives.contract import Drive
from atoll.drives.io import Work
from atoll.objects.bytes_contract import DataRef, DigestSink
from atoll.objects.stripes.encoder import Batch, Encoder, cut_batches
from atoll.objects.stripes.limits import Limits
from atoll.objects.stripes.packed import put_packed
from atoll.objects.stripes.places import plan_targets, shape_of
from atoll.objects.stripes.reader import ShardsReader
from atoll.objects.stripes.replies import ask, settle
from atoll.objects.stripes.writer import ShardFilesWriter, Target
from atoll.registers.contract import Cell

#: Content up to this size is encoded on the loop: cheaper than a hand-off to a thread.
_ENCODE_AT_ONCE_BYTES: Final = 64 * 1024
_NOTHING: Final = Batch([], 0)


class Watchers(msgspec.Struct, frozen=True):
    """Who is told of what needs healing. Called on the loop; must return at once and not raise.

    `on_degraded`: a write succeeded without these drives. `on_damage`: a read found a shard (by
    index) damaged or missing, and why.
    """

    on_degraded: Callable[[Cell, DataRef, Sequence[DriveId]], None]
    on_damage: Callable[[DataRef, int, str], None]


class StripeStore:
    """Erasure-coded bytes on the drives of sets."""

    def __init__(  # noqa: PLR0913 (keywords only, wired in one place)
        self,
        *,
        map_source: Callable[[], ClusterMap],
        drives: Mapping[DriveId, Drive],
        clock: Clock,
        entropy: Entropy,
        cpu: Work,
        watchers: Watchers,
        limits: Limits = Limits(),  # noqa: B008 (frozen value)
    ) -> None:
        self._map_source = map_source
        self._drives = drives
        self._clock = clock
        self._entropy = entropy
        self._cpu = cpu
        self._watchers = watchers
        self._limits = limits
        #: One codec per geometry in use; a cluster has one, or two while its geometry changes.
        self._codecs: dict[tuple[int, int], Codec] = {}

    async def write(
        self,
        cell: Cell,
        chunks: AsyncIterator[bytes],
        *,
        size_hint: int | None,
        digests: DigestSink | None,
    ) -> DataRef:
        """Store a stream: packed when it ends within PACKED_BYTES_MAX, else in shard files."""
        place = self._map_source().set_of(cell.place)
        encoder = Encoder(self._codec(place.quorums.data, place.quorums.parity), digests)
        async with contextlib.aclosing(cut_batches(chunks, STRIPE_BYTES)) as batches:
            if size_hint is not None and size_hint > PACKED_BYTES_MAX:
                # Shard files are opened at once, while the first bytes arrive.
                return await self._write_large(cell, place, encoder, batches, size_hint)
            head = await anext(batches, _NOTHING)
            following = await anext(batches, None)
            if following is None and head.size_bytes <= PACKED_BYTES_MAX:
                return await self._write_small(cell, place, encoder, head)
            known = [head] if following is None else [head, following]
            async with contextlib.aclosing(_behind(known, batches)) as joined:
                return await self._write_large(cell, place, encoder, joined, 0)

    async def write_whole(self, cell: Cell, content: bytes) -> DataRef:
        """Store small content that lies in memory, packed."""
        assert 0 < len(content) <= PACKED_BYTES_MAX, "content is packed up to PACKED_BYTES_MAX"
        place = self._map_source().set_of(cell.place)
        encoder = Encoder(self._codec(place.quorums.data, place.quorums.parity), None)
        return await self._write_small(cell, place, encoder, Batch([[content]], len(content)))

    async def read(self, ref: DataRef, first: int, last: int) -> AsyncIterator[bytes | memoryview]:
        """Iterate over bytes [first, last] of the content."""
        assert 0 <= first <= last < ref.size_bytes, "the range lies outside of the content"
        place = self._map_source().sets[ref.set_index]
        reader = ShardsReader(
            self._targets(ref, place),
            shape_of(ref),
            codec=self._codec(ref.data, ref.parity),
            cpu=self._cpu,
            limits=self._limits,
            on_damage=functools.partial(self._watchers.on_damage, ref),
        )
        async with contextlib.aclosing(reader.read(first, last)) as pieces:
            async for piece in pieces:
                yield piece

    async def discard(self, ref: DataRef) -> None:
        """Remove bytes that no register ever named and none will."""
        targets = self._targets(ref, self._map_source().sets[ref.set_index])
        removals = _remove(targets)
        await settle(
            removals,
            needed=len(removals),
            patience_s=self._limits.commit_patience_s,
            hang_s=self._limits.hang_s,
        )

    async def _write_small(
        self, cell: Cell, place: ErasureSet, encoder: Encoder, batch: Batch
    ) -> DataRef:
        """Store content of at most one stripe as packed shards."""
        if batch.size_bytes <= _ENCODE_AT_ONCE_BYTES:
            encoded = encoder.encode(batch)
        else:
            encoded = await self._cpu.run(lambda: encoder.encode(batch))
        ref = self._make_ref(cell, place, encoded.size_bytes)
        ref = msgspec.structs.replace(ref, packed=True, xxh=encoder.content_digest())
        targets = self._targets(ref, place)
        try:
            absent = await put_packed(
                targets, shape_of(ref), encoded, needed=place.quorums.write, limits=self._limits
            )
        except BaseException:
            _remove(targets)
            raise
        self._tell_absent(cell, ref, absent)
        return ref

    async def _write_large(
        self,
        cell: Cell,
        place: ErasureSet,
        encoder: Encoder,
        batches: AsyncIterator[Batch],
        size_hint: int,
    ) -> DataRef:
        """Store content in shard files."""
        ref = self._make_ref(cell, place, size_hint)
        writer = ShardFilesWriter(
            self._targets(ref, place),
            shape_of(ref),
            needed=place.quorums.write,
            encoder=encoder,
            cpu=self._cpu,
            limits=self._limits,
        )
        size_bytes = 0
        writer.start()
        try:
            async for batch in batches:
                await writer.add(batch)
                size_bytes += batch.size_bytes
            absent = await writer.finish(size_bytes)
        except BaseException:
            writer.abort()
            raise
        digest = encoder.content_digest()
        ref = msgspec.structs.replace(ref, size_bytes=size_bytes, xxh=digest)
        self._tell_absent(cell, ref, absent)
        return ref

    def _codec(self, data: int, parity: int, /) -> Codec:
        codec = self._codecs.get((data, parity))
        if codec is None:
            codec = self._codecs[data, parity] = Codec(data=data, parity=parity)
        return codec

    def _make_ref(self, cell: Cell, place: ErasureSet, size_bytes: int) -> DataRef:
        """Return a reference with a new data id."""
        clock = clock_from_ms(self._clock.time_ns() // NS_PER_MS)
        data_id = make_data_id(clock, self._entropy.random_u64())
        quorums = place.quorums
        return DataRef(
            data_id,
            place.index,
            cell.key,
            quorums.data,
            quorums.parity,
            STRIPE_BYTES,
            size_bytes,
            False,
        )

    def _targets(self, ref: DataRef, place: ErasureSet) -> list[Target]:
        return plan_targets(ref, place, self._drives)

    def _tell_absent(self, cell: Cell, ref: DataRef, absent: Sequence[DriveId]) -> None:
        if absent:
            self._watchers.on_degraded(cell, ref, absent)


def _remove(targets: Sequence[Target]) -> list[asyncio.Future[None]]:
    """Ask every drive to remove its shard of data that no register was told of."""
    return [
        ask(target.drive.delete_shard, target.address)
        for target in targets
        if target.drive is not None
    ]


async def _behind(
    known: Iterable[Batch], rest: AsyncIterator[Batch]
) -> AsyncGenerator[Batch, None]:
    for batch in known:
        yield batch
    async for batch in rest:
        yield batch
