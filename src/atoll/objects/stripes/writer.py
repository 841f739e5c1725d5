"""One content being written as shard files: n lanes, one per shard, filled batch by batch.

Owns      the pipeline receive → encode → write, what happens to a drive that fails on the way, and
          the end: committed on a write quorum, or given up.
Invariant at most three batches are held: one being received, one being encoded, one being written.
Lanes     a lane that fails, or stays behind when the others are done, is dropped and its shard
          given up; below the write quorum the write fails.
Order     all blocks of all lanes → commit on all lanes → answered when Q2 of them are durable. The
          others get a little longer; then they go on alone and are reported.
Crash     before the commit: staged files only. After it: shards that nothing names, removed by the
          scan.
Source    docs/design/shards.md
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from atoll.base.errors import DriveFault, DriveMissing, DriveSlow
from atoll.base.ids import DriveId
from atoll.drives.contract import Drive, ShardAddress, ShardShape, ShardSink
from atoll.drives.io import Work
from atoll.objects.stripes.encoder import Batch, EncodedBatch, Encoder
from atoll.objects.stripes.limits import Limits
from atoll.objects.stripes.replies import ask, fault_of, quorum_error, settle


class Target(msgspec.Struct, frozen=True):
    """The drive that takes one shard; `drive` None: it is not there."""

    drive_id: DriveId
    drive: Drive | None
    address: ShardAddress


class _Lane:
    """One shard on its way: `opening` until it has a sink, then one `step` at a time."""

    __slots__ = ("fault", "opening", "sink", "step", "target")

    def __init__(self, target: Target) -> None:
        self.target = target
        self.opening: asyncio.Future[ShardSink] | None = None
        self.sink: ShardSink | None = None
        self.step: asyncio.Future[None] | None = None
        self.fault: DriveFault | None = None

    def judge(self, reply: asyncio.Future[Any]) -> None:
        """Note the fault of a reply that failed or is still out."""
        if reply.done():
            self.fault = fault_of(reply)
        else:
            self.fault = DriveSlow("The drive stayed behind.", drive=self.target.drive_id)

    def drop(self) -> None:
        """Give the shard up, also when its file is still being opened."""
        if self.sink is not None:
            ask(self.sink.abort)
        elif self.opening is not None:
            self.opening.add_done_callback(_abort_opened)


def _abort_opened(opening: asyncio.Future[ShardSink]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        ask(opening.result().abort)


class ShardFilesWriter:
    """The write of one content: `start`, `add` batches in order, then `finish` or `abort`."""

    def __init__(
        self,
        targets: Sequence[Target],
        shape: ShardShape,
        *,
        needed: int,
        encoder: Encoder,
        cpu: Work,
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
        self._is_committing = False

    def start(self) -> None:
        """Begin to open the shard files; the drives work while content arrives."""
        for lane in self._lanes:
            drive = lane.target.drive
            if drive is None:
                lane.fault = DriveMissing(drive=lane.target.drive_id)
            else:
                lane.opening = ask(drive.open_sink, lane.target.address, self._shape)

    async def add(self, batch: Batch) -> None:
        """Take a batch: it is encoded while the one before is written and the next one arrives.

        Raises
            QuorumLost, StorageFull: too few lanes are left.
        """
        await self._write_encoded()
        self._encoding = self._cpu.run(lambda: self._encoder.encode(batch))

    async def finish(self, data_bytes: int) -> list[DriveId]:
        """Make the content durable; return the drives not known to hold their shard.

        Raises
            QuorumLost, StorageFull: fewer than the write quorum are durable.
        """
        await self._write_encoded()
        await self._settle_steps(self._limits.write_patience_s)
        self._drop_failed()
        self._is_committing = True
        for lane, sink in self._live():
            lane.step = ask(sink.commit, data_bytes)
        await self._settle_steps(self._limits.commit_patience_s)
        self._check_quorum()
        for lane in self._lanes:
            # A commit that is merely late goes on; one that failed leaves a staged file.
            if lane.fault is not None and lane.step is not None and lane.step.done():
                lane.drop()
        return [lane.target.drive_id for lane in self._lanes if lane.fault is not None]

    def abort(self) -> None:
        """Give up: remove what was staged and what was committed. Does not wait."""
        for lane in self._lanes:
            lane.drop()
            drive = lane.target.drive
            if self._is_committing and drive is not None:
                # No register was told of this data, so nothing can name it.
                ask(drive.delete_shard, lane.target.address)

    def _live(self) -> Iterable[tuple[_Lane, ShardSink]]:
        return [
            (lane, lane.sink)
            for lane in self._lanes
            if lane.fault is None and lane.sink is not None
        ]

    async def _write_encoded(self) -> None:
        """Hand the encoded batch to the lanes, once they are done with the one before."""
        if self._encoding is None:
            return
        encoded = await self._encoding
        self._encoding = None
        if not self._is_opened:
            await self._settle_openings()
        await self._settle_steps(self._limits.write_patience_s)
        self._drop_failed()
        for lane, sink in self._live():
            lane.step = ask(sink.write, encoded.shards[lane.target.address.index])

    async def _settle_openings(self) -> None:
        openings = [(lane, lane.opening) for lane in self._lanes if lane.opening is not None]
        await self._settle([opening for _, opening in openings], self._limits.write_patience_s)
        for lane, opening in openings:
            lane.judge(opening)
            if lane.fault is None:
                lane.sink = opening.result()
        self._is_opened = True

    async def _settle_steps(self, patience_s: float) -> None:
        steps = [(lane, lane.step) for lane, _ in self._live() if lane.step is not None]
        await self._settle([step for _, step in steps], patience_s)
        for lane, step in steps:
            lane.judge(step)

    async def _settle(self, replies: Sequence[asyncio.Future[Any]], patience_s: float) -> None:
        await settle(
            replies, needed=self._needed, patience_s=patience_s, hang_s=self._limits.hang_s
        )

    def _drop_failed(self) -> None:
        for lane in self._lanes:
            if lane.fault is not None:
                lane.drop()
        self._check_quorum()

    def _check_quorum(self) -> None:
        faults = [lane.fault for lane in self._lanes if lane.fault is not None]
        live = len(self._lanes) - len(faults)
        if live < self._needed:
            raise quorum_error(self._needed, live, faults)
