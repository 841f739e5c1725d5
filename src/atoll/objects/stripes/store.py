"""The byte store over erasure sets: small content packed, larger content in shard files.

Owns      data ids, the choice of drives for shards, and the removal of bytes that failed.
Implements objects.bytes_contract.ByteStore.
Does not  name data in a register: until the caller does, every shard written here is an orphan.
Invariant a reference returned by a write has at least Q2 durable shards.
Source    docs/design/shards.md
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Final

import msgspec

from atoll.base.clock import Clock, Entropy
from atoll.base.errors import DriveFault
from atoll.base.ids import DataId, DriveId, clock_from_ms, make_data_id
from atoll.base.limits import PACKED_BYTES_MAX, STRIPE_BYTES
from atoll.base.units import NS_PER_MS
from atoll.core.erasure.codec import Codec
from atoll.core.erasure.geometry import shard_order
from atoll.core.placement.cluster_map import ClusterMap, ErasureSet
from atoll.drives.contract import Drive, PackedShard, ShardAddress, ShardShape
from atoll.drives.io import WorkThreads
from atoll.objects.bytes_contract import DataRef, DigestSink
from atoll.objects.stripes.encoder import Batch, EncodedBatch, Encoder, cut_batches
from atoll.objects.stripes.limits import Limits
from atoll.objects.stripes.reader import ShardsReader
from atoll.objects.stripes.replies import ask, fault_of, quorum_error, settle
from atoll.objects.stripes.writer import ShardFilesWriter, Target
from atoll.registers.contract import Cell

#: Content up to this size is encoded on the loop: cheaper than a hand-off to a thread.
_ENCODE_AT_ONCE_BYTES: Final = 64 * 1024


class Watchers(msgspec.Struct, frozen=True):
    """Who is told of what needs healing. Called on the loop; must return at once and not raise.

    `on_degraded`: a write succeeded without these drives. `on_damage`: a read found a shard (by index)
    damaged or missing, and why.
    """

    on_degraded: Callable[[Cell, DataRef, Sequence[DriveId]], None]
    on_damage: Callable[[DataRef, int, str], None]


class StripeStore:
    """Erasure-coded bytes on the drives of this process and of others."""

    def __init__(  # noqa: PLR0913 (keywords only, wired in one place)
        self,
        *,
        map_source: Callable[[], ClusterMap],
        drives: Mapping[DriveId, Drive],
        clock: Clock,
        entropy: Entropy,
        cpu: WorkThreads,
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
        """Store a stream."""
        place = self._map_source().set_of(cell.place)
        encoder = Encoder(self._codec(place.quorums.data, place.quorums.parity), digests)
        batches = cut_batches(chunks, STRIPE_BYTES)
        head = await anext(batches, None)
        if head is None or head.size_bytes <= PACKED_BYTES_MAX:
            # The first batch is shorter than two stripes only where the content ends with it.
            return await self._write_small(cell, place, encoder, head)
        return await self._write_large(cell, place, encoder, (head, batches), size_hint or 0)

    async def write_whole(self, cell: Cell, content: bytes) -> DataRef:
        """Store small content that lies in memory."""
        assert 0 < len(content) <= PACKED_BYTES_MAX, "content is packed up to PACKED_BYTES_MAX"
        place = self._map_source().set_of(cell.place)
        encoder = Encoder(self._codec(place.quorums.data, place.quorums.parity), None)
        return await self._write_small(cell, place, encoder, Batch([[content]], len(content)))

    async def _write_small(
        self, cell: Cell, place: ErasureSet, encoder: Encoder, batch: Batch | None
    ) -> DataRef:
        """Store content of at most one stripe as packed shards."""
        encoded = EncodedBatch([[] for _ in place.drives], 0)
        if batch is not None and batch.size_bytes <= _ENCODE_AT_ONCE_BYTES:
            encoded = encoder.encode(batch)
        elif batch is not None:
            encoded = await self._cpu.run(lambda: encoder.encode(batch))
        ref = self._make_ref(cell, place, encoded.size_bytes)
        ref = msgspec.structs.replace(ref, xxh=encoder.content_digest())
        shape = _shape(ref)
        targets = self._targets(ref, place)
        replies = {
            target.drive_id: ask(
                target.drive.put_shards,
                [PackedShard(target.address, shape, tuple(encoded.shards[target.address.index]))],
            )
            for target in targets.values()
            if target.drive is not None
        }
        needed = place.quorums.write
        is_durable = False
        try:
            await settle(
                replies.values(),
                needed=needed,
                patience_s=self._limits.commit_patience_s,
                hang_s=self._limits.hang_s,
            )
            faults: list[DriveFault] = []
            durable: set[DriveId] = set()
            for drive_id, reply in replies.items():
                fault = fault_of(reply) if reply.done() else DriveSlow(drive=drive_id)
                if fault is None:
                    durable.add(drive_id)
                else:
                    faults.append(fault)
            if len(durable) < needed:
                raise quorum_error(needed, len(durable), faults)
            is_durable = True
        finally:
            if not is_durable:
                self._remove(targets.values())
        self._tell_degraded(cell, ref, [d for d in place.drives if d not in durable])
        return ref
