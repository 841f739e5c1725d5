"""What lies on the drives of a stopped node when all is deleted and its scans have done their work.

The drives are opened in this process, with a clock that is ahead: orphans are removed by age, and a
test cannot wait for it. A node with the true clock can no longer write the keys that were touched.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from atoll.base.clock import SystemClock, SystemEntropy
from atoll.base.names import BucketName, ObjectKey, parse_bucket_name, parse_object_key
from atoll.config.load import load_configuration
from atoll.jobs.scan.orphans import DataUsers, OrphanScan
from atoll.jobs.scan.uploads import UploadScan
from atoll.jobs.worker import Budget, State, Worker
from atoll.node.build import Node
from atoll.objects.names import DataNames

_AHEAD_NS = 49 * 3600 * 10**9
_STEPS_MAX = 10_000


class _LaterClock(SystemClock):
    """The system's clock, more than two days ahead."""

    def time_ns(self) -> int:
        return time.time_ns() + _AHEAD_NS


def scan_leftovers(drives: Sequence[Path], bucket: str, keys: Sequence[str]) -> int:
    """Delete keys on the drives of a stopped node, run its scans; return how many shards are left.

    The scan of uploads comes first: a completion that was cut short is finished by it, and gives an
    object.
    """
    names = [parse_object_key(key.encode()) for key in keys]
    return asyncio.run(_scan([str(path) for path in drives], parse_bucket_name(bucket), names))


async def _scan(drives: list[str], bucket: BucketName, keys: Sequence[ObjectKey]) -> int:
    clock = _LaterClock()
    configuration = load_configuration({"drives": drives}, {})
    node = await Node.open(configuration, clock, SystemEntropy())
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(node.run())
        try:
            uploads = UploadScan("uploads", node.objects, clock, age_s=3600.0)
            orphans = OrphanScan(
                "orphans",
                node.roster.drives,
                node.registers.repairer,
                DataNames(node.stripes),
                # Nobody reads here: what the deletes below replaced need not wait for a grace.
                users=DataUsers(named=node.objects.named_data, is_held=lambda _: False),
                clock=clock,
            )
            await _run(uploads)
            for key in keys:
                await node.objects.delete(bucket, key)
            await _run(orphans)
            assert orphans.status().failed == 0, orphans.status()
            return await _count(node)
        finally:
            await node.close()
            running.cancel()


async def _run(scan: Worker) -> None:
    for _ in range(_STEPS_MAX):
        if await scan.step(Budget()) is State.DONE:
            return
    raise AssertionError("a scan does not end")


async def _count(node: Node) -> int:
    count = 0
    for drive in node.roster.drives.values():
        cursor = b""
        while True:
            found, cursor = await drive.list_shards(cursor, 1000)
            count += len(found)
            if not cursor:
                break
    return count
