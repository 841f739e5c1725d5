"""A whole small cluster in memory: real acceptors, registers, stripes, objects and healing.

Owns      `World`, whose drives are made of `Acceptor` on `MemoryKv` and `MemoryShards`, so that a
          test can damage the very bytes that a real drive stores.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from atoll.base.errors import DriveIo
from atoll.base.ids import DriveId
from atoll.base.names import BucketName, ObjectKey
from atoll.base.streams import WholeBody
from atoll.core.formats.register_record import store_key
from atoll.core.quorum.messages import Free
from atoll.drives.acceptor import Acceptor, AcceptorRules
from atoll.drives.contract import DriveState, DriveStatus
from atoll.drives.kv import Table
from atoll.drives.memory_kv import MemoryKv
from atoll.drives.shards import MemoryShards
from atoll.jobs.heal.healer import Healer
from atoll.jobs.worker import State
from atoll.objects.contract import PutRequest
from atoll.objects.names import DataNames
from atoll.objects.store import Objects, ObjectSettings
from atoll.objects.stripes import StripeStore, Watchers
from atoll.objects.stripes.repair import ShardRepairer
from atoll.registers.store import Registers
from atoll.telemetry.metrics import HealMetrics
from fakes.entropy import CountingEntropy, StepClock
from fakes.shard_cluster import InlineWork, make_map

BUCKET = BucketName("first-bucket")


class MemoryDrive:
    """One drive in memory."""

    def __init__(self, drive_id: DriveId, clock: Any, rules: AcceptorRules | None = None) -> None:
        self.drive_id = drive_id
        self.kv = MemoryKv()
        self.acceptor = Acceptor(self.kv, clock, recent_bytes_max=0, rules=rules)
        self.shards = MemoryShards()
        for verb in ("prepare", "accept", "read", "scan", "seal", "drop", "restore"):
            setattr(self, verb, getattr(self.acceptor, verb))
        for verb in ("put_shards", "open_sink", "read_blocks", "list_shards", "delete_shard"):
            setattr(self, verb, getattr(self.shards, verb))

    async def free(self, request: Free) -> bool:
        """Remove the shards of a data id."""
        if not self.acceptor.may_free(request):
            return False
        for key in [key for key in self.shards.bodies if request.data_id in key]:
            del self.shards.bodies[key]
        return True

    async def status(self) -> DriveStatus:
        """Return facts about the drive."""
        is_blank = bool(self.acceptor.facts.copied_until)
        return DriveStatus(
            drive_id=self.drive_id,
            state=DriveState.BLANK if is_blank else DriveState.OK,
            path="",
            metadata_path="",
            total_bytes=0,
            free_bytes=0,
            is_full=False,
            records=len(self.kv._rows[Table.HEADS]),
        )

    def flip(self, table: Table, key: bytes, at: int = -1) -> None:
        """Damage one byte of a stored record."""
        rows = self.kv._rows[table]
        raw = bytearray(rows[store_key(0, key)])
        raw[at] ^= 1
        rows[store_key(0, key)] = bytes(raw)

    def stored(self, key: bytes) -> bytes | None:
        """Return the head record of a key as the medium holds it."""
        return self.kv.get(Table.HEADS, store_key(0, key))


class World:
    """A cluster of one set. `async with` runs its tasks."""

    def __init__(self, drives: int = 4, rules: AcceptorRules | None = None) -> None:
        self.clock = StepClock()
        self.entropy = CountingEntropy()
        self.map = make_map(drives)
        self.rules = rules
        self.drives: dict[DriveId, Any] = {
            drive_id: MemoryDrive(drive_id, self.clock, rules)
            for drive_id in self.map.sets[0].drives
        }
        self.hinted: list[tuple[int, bytes]] = []
        self.registers = Registers(self, self.drives, self.clock, self.entropy)
        self.stripes = StripeStore(
            map_source=self.current,
            drives=self.drives,
            clock=self.clock,
            entropy=self.entropy,
            cpu=InlineWork(),
            watchers=Watchers(lambda *_: None, lambda *_: None),
        )
        self.objects = Objects(
            self.registers, self.stripes, self.clock, self.entropy, ObjectSettings()
        )
        self.names = DataNames(self.stripes)
        self.repairer = self.registers.repairer
        self.shard_repairer = ShardRepairer(
            map_source=self.current, drives=self.drives, cpu=InlineWork()
        )
        self.heal_metrics = HealMetrics()
        self.healer = Healer(
            self.registers.reader,
            self.repairer,
            self.names,
            self.shard_repairer,
            self.registers,
            metrics=self.heal_metrics,
        )
        self._tasks: list[asyncio.Task[None]] = []

    def current(self) -> Any:
        """Return the cluster map."""
        return self.map

    @property
    def on(self) -> Any:
        """Return the only set."""
        return self.map.sets[0]

    async def __aenter__(self) -> World:
        for drive in self.drives.values():
            self.run_drive(drive)
        self._run(self.registers.run())
        await self.objects.create_bucket(BUCKET, owner="me", region="here")
        return self

    def run_drive(self, drive: MemoryDrive) -> None:
        """Run a drive's commits."""
        drive.acceptor.on_corrupt = lambda index, key: self.hinted.append((index, key))
        self._run(drive.acceptor.commit.run())

    def _run(self, work: Any) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    def replace_drive(self, drive_id: DriveId) -> MemoryDrive:
        """Put a blank drive in the place of one."""
        blank = MemoryDrive(drive_id, self.clock, self.rules)
        blank.acceptor.facts.copied_until[0] = b"\0"
        self.drives[drive_id] = blank
        self.run_drive(blank)
        return blank

    async def put(self, key: bytes, content: bytes) -> bytes:
        """Store an object; return its register key."""
        request = PutRequest(bucket=BUCKET, key=ObjectKey(key))
        await self.objects.put(request, WholeBody(content))
        await self.settle()
        return await self.register_key(key)

    async def register_key(self, key: bytes) -> bytes:
        """Return the register key of an object."""
        bucket = await self.objects.head_bucket(BUCKET)
        return b"b/" + bucket.incarnation + key

    async def get(self, key: bytes) -> bytes:
        """Return the content of an object."""
        opened = await self.objects.open(BUCKET, ObjectKey(key))
        try:
            return b"".join([bytes(chunk) async for chunk in opened.stream()])
        finally:
            await opened.close()

    async def settle(self) -> None:
        """Let accepts that are under way reach all drives."""
        for _ in range(10):
            await asyncio.sleep(0)

    def shard_keys(self) -> Iterator[tuple[Any, bytes]]:
        """Iterate over drives and the keys of their shards."""
        for drive in self.drives.values():
            for key in sorted(drive.shards.bodies):
                yield drive, key


class DeadDrive:
    """A drive that answers nothing but errors."""

    def __init__(self, drive_id: DriveId) -> None:
        self.drive_id = drive_id

    def __getattr__(self, _: str) -> Any:
        def fail(*_: object) -> Any:
            raise DriveIo(errno=5)

        return fail


async def run_worker(worker: Any, budget: Any, steps_max: int = 500) -> None:
    """Step a worker to its end."""
    for _ in range(steps_max):
        if await worker.step(budget) is State.DONE:
            return
    raise AssertionError("the worker does not come to an end")
