"""One content being written as shard files: n lanes, one per shard, filled batch by batch.

Owns      the pipeline receive → encode → write, what happens to a drive that fails on the way, and the
          end: committed on a write quorum, or nothing left.
Invariant at most three batches are held: one being received, one being encoded, one being written.
Lanes     a lane that fails, or stays behind when the others are done, is dropped and its shard given up;
          below the write quorum the write fails.
Order     all blocks of all lanes → commit on all lanes → answered when Q2 of them are durable. The
          others get a little longer; then they go on alone and are reported.
Crash     before the commit: staged files only. After it: shards that nothing names, removed by the scan.
Source    docs/design/shards.md
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from atoll.base.errors import DriveFault, DriveSlow
from atoll.base.ids import DriveId
from atoll.drives.contract import Drive, ShardAddress, ShardShape, ShardSink
from atoll.drives.io import WorkThreads
from atoll.objects.stripes.encoder import Batch, EncodedBatch, Encoder
from atoll.objects.stripes.limits import Limits
from atoll.objects.stripes.replies import ask, fault_of, quorum_error, settle


class Target(msgspec.Struct, frozen=True):
    """The drive that takes one shard; `drive` None: it is not there."""

    drive_id: DriveId
    drive: Drive | None
    address: ShardAddress


class _Lane:
    """One shard on its way to its drive. `reply` is the step under way, or the last one."""

    __slots__ = ("fault", "reply", "sink", "target")

    def __init__(self, target: Target) -> None:
        self.target = target
        self.sink: ShardSink | None = None
        self.fault: DriveFault | None = None
        self.reply: asyncio.Future[object] | None = None


class ShardFilesWriter:
    """The write of one content. Use once: `add` batches in order, then `finish`, or `abort`."""

    def __init__(
        self,
        targets: Sequence[Target],
        shape: ShardShape,
        *,
        needed: int,
        encoder: Encoder,
        cpu: WorkThreads,
        limits: Limits,
    ) -> None:
        self._lanes = [_Lane(target) for target in targets]
        self._shape = shape
        self._needed = needed
        self._encoder = encoder
        self._cpu = cpu
        self._limits = limits
        self._encoding: asyncio.Future[EncodedBatch] | None = None
        self._is_opened = False
        self._has_committed = False

    def start(self) -> None:
        """Begin to open the shard files; their drives work while content arrives."""
        for lane in self._lanes:
            drive, address = lane.target.drive, lane.target.address
            if drive is None:
                lane.fault = DriveFault("The drive is not there.", drive=lane.target.drive_id)
            else:
                lane.reply = ask(lambda d=drive, a=address: d.open_sink(a, self._shape))

    async def add(self, batch: Batch) -> None:
        """Take a batch: it is encoded while the one before is written and the next one arrives.

        Raises
            QuorumLost, StorageFull: too few lanes are left.
        """
        await self._write_encoded()
        self._encoding = self._cpu.run(lambda: self._encoder.encode(batch))

    async def finish(self, data_bytes: int) -> list[DriveId]:
        """Make the content durable; return the drives that do not hold their shard, as far as known.

        Raises
            QuorumLost, StorageFull: fewer than the write quorum are durable.
        """
        await self._write_encoded()
        await self._settle_lanes(self._limits.write_patience_s)
        self._has_committed = True
        for lane in self._live():
            sink = lane.sink
            assert sink is not None
            lane.reply = ask(lambda s=sink: s.commit(data_bytes))
        replies = [lane.reply for lane in self._live() if lane.reply is not None]
        await settle(
            replies,
            needed=self._needed,
            patience_s=self._limits.commit_patience_s,
            hang_s=self._limits.hang_s,
        )
        for lane in self._live():
            self._judge(lane)
        self._check_quorum()
        return [lane.target.drive_id for lane in self._lanes if lane.fault is not None]

    def abort(self) -> None:
        """Give up: remove what was staged and what was committed. Does not wait."""
        for lane in self._lanes:
            self._drop(lane)
            drive = lane.target.drive
            if self._has_committed and drive is not None:
                # No register was told of this data, so nothing can name it.
                ask(lambda d=drive, a=lane.target.address: d.delete_shard(a))

    def _live(self) -> list[_Lane]:
        return [lane for lane in self._lanes if lane.fault is None]

    async def _write_encoded(self) -> None:
        """Hand the encoded batch to the lanes, once they are done with the one before."""
        if self._encoding is None:
            return
        encoded = await self._encoding
        self._encoding = None
        await self._settle_lanes(self._limits.write_patience_s)
        for lane in self._live():
            sink, blocks = lane.sink, encoded.shards[lane.target.address.index]
            assert sink is not None
            lane.reply = ask(lambda s=sink, b=blocks: s.write(b))

    async def _settle_lanes(self, patience_s: float) -> None:
        """Wait for the step under way on all lanes; drop those that failed or stay behind."""
        replies = [lane.reply for lane in self._live() if lane.reply is not None]
        await settle(
            replies, needed=self._needed, patience_s=patience_s, hang_s=self._limits.hang_s
        )
        for lane in self._live():
            self._judge(lane)
            if lane.fault is not None:
                self._drop(lane)
            elif not self._is_opened:
                lane.sink = lane.reply.result() if lane.reply is not None else None
        self._is_opened = True
        self._check_quorum()

    def _judge(self, lane: _Lane) -> None:
        if lane.reply is None:
            return
        if lane.reply.done():
            lane.fault = fault_of(lane.reply)
        else:
            lane.fault = DriveSlow("The drive stayed behind.", drive=lane.target.drive_id)

    def _check_quorum(self) -> None:
        live = len(self._live())
        if live < self._needed:
            faults = [lane.fault for lane in self._lanes if lane.fault is not None]
            raise quorum_error(self._needed, live, faults)

    def _drop(self, lane: _Lane) -> None:
        """Give a lane's shard up, also when its file is still being opened."""
        if lane.sink is not None:
            ask(lane.sink.abort)
        elif lane.reply is not None and not self._is_opened:
            lane.reply.add_done_callback(_abort_late)


def _abort_late(reply: asyncio.Future[object]) -> None:
    if not reply.cancelled() and reply.exception() is None:
        ask(reply.result().abort)
