"""Drives that hold shards, real ones on a directory or in memory, and a store over them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from atoll.base.errors import DriveFull, StoreError
from atoll.base.ids import ClusterId, DriveId, SetIndex
from atoll.core.placement.cluster_map import ClusterMap, ErasureSet
from atoll.core.quorum.sizes import plan_quorums
from atoll.drives.group_commit import GroupCommit
from atoll.drives.io import WorkThreads
from atoll.drives.memory_kv import MemoryKv
from atoll.drives.shards import ShardStore
from atoll.objects.stripes import Limits, StripeStore, Watchers


class FixedRoom:
    """Room that a test sets; None is endless."""

    def __init__(self, free_bytes: int | None = None) -> None:
        self.free_bytes = free_bytes

    def check(self, wanted_bytes: int) -> None:
        if self.free_bytes is not None and wanted_bytes > self.free_bytes:
            raise DriveFull(free_bytes=self.free_bytes)


class StillClock:
    """A clock that stands still."""

    def time_ns(self) -> int:
        return 1_700_000_000_000_000_000

    def monotonic_s(self) -> float:
        return 0.0


class CountingEntropy:
    """Numbers that are all different and the same in every run."""

    def __init__(self) -> None:
        self.drawn = 0

    def random_bytes(self, count: int) -> bytes:
        self.drawn += 1
        return self.drawn.to_bytes(count, "big")

    def random_u64(self) -> int:
        self.drawn += 1
        return (self.drawn * 0x9E3779B97F4A7C15) & (2**64 - 1)


class InlineWork:
    """Does a job at once."""

    def run(self, job: Callable[[], Any]) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        try:
            future.set_result(job())
        except StoreError as exc:
            future.set_exception(exc)
        return future


class OpenedShards:
    """A `ShardStore` on a directory with all it needs."""

    def __init__(self, path: Path, sinks_max: int = 64) -> None:
        self.path = path
        self.kv = MemoryKv()
        self.group = GroupCommit(self.kv)
        self.threads = WorkThreads("disk", threads_max=2)
        self.room = FixedRoom()
        self.io_errors: list[object] = []
        self.store = ShardStore(
            storage=path,
            kv=self.kv,
            commits=self.group,
            threads=self.threads,
            room=self.room,
            packed_room=self.room,
            on_io_error=self.io_errors.append,
            sinks_max=sinks_max,
        )
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> OpenedShards:
        await self.store.open()
        self._running = asyncio.get_running_loop().create_task(self.group.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._running is not None
        self._running.cancel()
        await self.threads.close()

    def files(self) -> list[Path]:
        return sorted(path for path in (self.path / "shards").rglob("*") if path.is_file())

    def staged(self) -> list[Path]:
        return sorted((self.path / "staging").iterdir())


class Told:
    """What the store told its watchers."""

    def __init__(self) -> None:
        self.degraded: list[tuple[Any, ...]] = []
        self.damage: list[tuple[Any, ...]] = []

    def watchers(self) -> Watchers:
        return Watchers(
            lambda *told: self.degraded.append(told), lambda *told: self.damage.append(told)
        )


def make_map(drives: int, parity: int | None = None) -> ClusterMap:
    """Return a map of one set."""
    ids = tuple(DriveId(f"d{number}") for number in range(drives))
    place = ErasureSet(index=SetIndex(0), drives=ids, quorums=plan_quorums(drives, parity))
    return ClusterMap(cluster_id=ClusterId("c"), epoch=1, seed=0, sets=(place,), slot_sets=(0,))


def make_store(
    cluster_map: ClusterMap, drives: dict[Any, Any], told: Told, limits: Limits | None = None
) -> StripeStore:
    """Return a store that works without threads of its own."""
    return StripeStore(
        map_source=lambda: cluster_map,
        drives=drives,
        clock=StillClock(),
        entropy=CountingEntropy(),
        cpu=InlineWork(),
        watchers=told.watchers(),
        limits=limits or Limits(),
    )


def content(size: int, seed: int = 1) -> bytes:
    """Return bytes that repeat nowhere, the same for the same seed."""
    return hashlib.shake_128(seed.to_bytes(4, "big")).digest(size)
