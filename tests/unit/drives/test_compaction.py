"""What a pass does, on a store that only counts."""

import asyncio
from pathlib import Path

from atoll.drives.compaction import FLUSH_BYTES_MIN, Compaction
from atoll.drives.reserve import FileSystemRoom


class CountingStore:
    def __init__(self, *, unflushed: int, deleted: int) -> None:
        self.deleted_count = deleted
        self.unflushed = unflushed
        self.calls: list[str] = []
        self.called = asyncio.Event()

    def unflushed_bytes(self) -> int:
        return self.unflushed

    def flush(self) -> None:
        self.calls.append("flush")
        self.unflushed = 0

    def compact(self, room_bytes: int) -> None:
        assert room_bytes > 0
        self.calls.append("compact")


class InlineWork:
    def run(self, job):
        future = asyncio.get_running_loop().create_future()
        future.set_result(job())
        return future


async def run_pass(store: CountingStore, path: Path) -> list[str]:
    compaction = Compaction(store, InlineWork(), FileSystemRoom(path))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(compaction.run())
        compaction.want()
        for _ in range(20):
            await asyncio.sleep(0)
        running.cancel()
    return store.calls


async def pass_calls(path: Path, *, unflushed: int, deleted: int) -> list[str]:
    return await run_pass(CountingStore(unflushed=unflushed, deleted=deleted), path)


def test_a_full_memory_is_flushed_even_if_nothing_was_deleted(tmp_path):
    assert asyncio.run(pass_calls(tmp_path, unflushed=FLUSH_BYTES_MIN, deleted=0)) == ["flush"]


def test_deleted_values_are_dropped_behind_the_flush(tmp_path):
    calls = asyncio.run(pass_calls(tmp_path, unflushed=FLUSH_BYTES_MIN, deleted=1))
    assert calls == ["flush", "compact"]


def test_nothing_is_done_where_nothing_can_be_gained(tmp_path):
    assert asyncio.run(pass_calls(tmp_path, unflushed=FLUSH_BYTES_MIN - 1, deleted=0)) == []
