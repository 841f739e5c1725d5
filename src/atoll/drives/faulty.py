"""A drive that misbehaves by plan: a decorator of the Drive contract for tests and the simulation.

Owns      what each kind of fault looks like to a caller. Faults are what the contract lets a drive
          answer: a flipped, stale or misplaced block reaches a caller as None or ShardCorrupt,
          because drives verify before they answer. Damage below that line is done to files and
          rows, not here.
Does not  draw randomness itself: a plan decides, from a seed or a script, so a run can be repeated.
Lost      `LOST_ANSWER` carries the call out and then fails: what a dead connection looks like.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from typing import Final, Never, Protocol, TypeVar

import xxhash

from atoll.base.errors import (
    DriveFault,
    DriveFull,
    DriveIo,
    DriveMissing,
    DriveSlow,
    ShardCorrupt,
    ShardMissing,
)
from atoll.base.ids import DriveId
from atoll.core.quorum.messages import (
    Accept,
    Accepted,
    Drop,
    Free,
    Page,
    Prepare,
    Promise,
    Read,
    Refused,
    Restore,
    Scan,
    Seal,
    Shown,
)
from atoll.drives.contract import (
    Drive,
    DriveStatus,
    PackedShard,
    ShardAddress,
    ShardInfo,
    ShardShape,
    ShardSink,
)

T = TypeVar("T")
R = TypeVar("R")
Blocks = list[bytes | memoryview | None]


class Fault(StrEnum):
    """What goes wrong with one call."""

    IO_ERROR = "io_error"
    FULL = "full"
    GONE = "gone"
    SLOW = "slow"
    LOST_ANSWER = "lost_answer"
    #: Reads of shards only.
    SHARD_MISSING = "shard_missing"
    SHARD_STALE = "shard_stale"
    BIT_FLIP = "bit_flip"
    TRUNCATED = "truncated"
    MISDIRECTED = "misdirected"


_BLOCK_FAULTS: Final = {Fault.BIT_FLIP, Fault.TRUNCATED, Fault.MISDIRECTED}


class FaultPlan(Protocol):
    """Decides which calls go wrong."""

    def draw(self, verb: str) -> Fault | None:
        """Return the fault of the next call of `verb`, or None."""
        ...


class SeededPlan:
    """Faults at given rates, by verb; the same seed and calls give the same faults."""

    def __init__(self, seed: int, rates: Mapping[str, Mapping[Fault, float]]) -> None:
        self._seed = seed
        self._rates = rates
        self._calls = 0

    def draw(self, verb: str) -> Fault | None:
        """Return the fault of the next call of `verb`, or None."""
        self._calls += 1
        drawn = xxhash.xxh3_64_intdigest(self._calls.to_bytes(8, "big"), self._seed) / 2**64
        for fault, rate in self._rates.get(verb, {}).items():
            if drawn < rate:
                return fault
            drawn -= rate
        return None


class ScriptedPlan:
    """Faults of the first, second, … call of each verb; behind the script's end all is well.

    With `repeats`, a verb's last entry holds for every further call.
    """

    def __init__(
        self, script: Mapping[str, Sequence[Fault | None]], *, repeats: bool = False
    ) -> None:
        self._left = {verb: list(faults) for verb, faults in script.items()}
        self._repeats = repeats

    def draw(self, verb: str) -> Fault | None:
        """Return the fault of the next call of `verb`, or None."""
        left = self._left.get(verb)
        if not left:
            return None
        return left[0] if self._repeats and len(left) == 1 else left.pop(0)


class FaultyDrive:
    """A drive whose calls fail by plan."""

    def __init__(self, inner: Drive, plan: FaultPlan, *, delay_s: float = 1.0) -> None:
        self._inner = inner
        self._plan = plan
        self._delay_s = delay_s

    @property
    def drive_id(self) -> DriveId:
        """Return the drive's identity."""
        return self._inner.drive_id

    def prepare(self, request: Prepare) -> Awaitable[Promise | Refused]:
        """Promise a ballot."""
        return self._call("prepare", lambda: self._inner.prepare(request))

    def accept(self, request: Accept) -> Awaitable[Accepted | Refused]:
        """Store a value."""
        return self._call("accept", lambda: self._inner.accept(request))

    def read(self, request: Read) -> Awaitable[Shown]:
        """Show a record."""
        return self._call("read", lambda: self._inner.read(request))

    def scan(self, request: Scan) -> Awaitable[Page]:
        """Show records in order."""
        return self._call("scan", lambda: self._inner.scan(request))

    def seal(self, request: Seal) -> Awaitable[None]:
        """Store a seal."""
        return self._call("seal", lambda: self._inner.seal(request))

    def free(self, request: Free) -> Awaitable[bool]:
        """Remove shards of freed data."""
        return self._call("free", lambda: self._inner.free(request))

    def drop(self, request: Drop) -> Awaitable[bool]:
        """Forget a tombstone."""
        return self._call("drop", lambda: self._inner.drop(request))

    def restore(self, request: Restore) -> Awaitable[None]:
        """Take records of a rebuild."""
        return self._call("restore", lambda: self._inner.restore(request))

    def put_shards(self, shards: Sequence[PackedShard]) -> Awaitable[None]:
        """Store small shards."""
        return self._call("put_shards", lambda: self._inner.put_shards(shards))

    def open_sink(self, address: ShardAddress, shape: ShardShape) -> Awaitable[ShardSink]:
        """Start a shard file whose writes and commit go wrong by the same plan."""
        opened = self._call("open_sink", lambda: self._inner.open_sink(address, shape))
        return _map(opened, lambda sink: _FaultySink(sink, self._call))

    def read_blocks(
        self, address: ShardAddress, shape: ShardShape, blocks: range
    ) -> Awaitable[Blocks]:
        """Read and verify blocks; a fault of the shard shows as the contract says."""
        fault = self._plan.draw("read_blocks")

        def start() -> Awaitable[Blocks]:
            return self._inner.read_blocks(address, shape, blocks)

        if fault is Fault.SHARD_MISSING:
            return _failed(ShardMissing(index=address.index))
        if fault is Fault.SHARD_STALE:
            return _failed(ShardCorrupt(index=address.index))
        if fault in _BLOCK_FAULTS:
            return _map(start(), lambda blocks: _damage(blocks, fault))
        return self._carry_out(fault, start)

    def list_shards(self, after: bytes, limit: int) -> Awaitable[tuple[list[ShardInfo], bytes]]:
        """List shards."""
        return self._call("list_shards", lambda: self._inner.list_shards(after, limit))

    def delete_shard(self, address: ShardAddress) -> Awaitable[None]:
        """Remove a shard."""
        return self._call("delete_shard", lambda: self._inner.delete_shard(address))

    def status(self) -> Awaitable[DriveStatus]:
        """Return facts about the drive."""
        return self._inner.status()

    async def close(self) -> None:
        """Close the drive below."""
        await self._inner.close()

    def _call(self, verb: str, start: Callable[[], Awaitable[T]]) -> Awaitable[T]:
        return self._carry_out(self._plan.draw(verb), start)

    def _carry_out(self, fault: Fault | None, start: Callable[[], Awaitable[T]]) -> Awaitable[T]:
        if fault is None:
            return start()
        if fault is Fault.LOST_ANSWER:
            return _map(start(), _lose)
        if fault is Fault.SLOW:
            return _delayed(start(), self._delay_s)
        if fault is Fault.FULL:
            return _failed(DriveFull(errno=28))
        if fault is Fault.GONE:
            return _failed(DriveMissing())
        return _failed(DriveIo(errno=5))


class _FaultySink:
    """A sink whose writes and commit fail by the plan of its drive."""

    def __init__(
        self,
        inner: ShardSink,
        call: Callable[[str, Callable[[], Awaitable[None]]], Awaitable[None]],
    ) -> None:
        self._inner = inner
        self._call = call

    def write(self, blocks: Sequence[bytes | memoryview]) -> Awaitable[None]:
        return self._call("write", lambda: self._inner.write(blocks))

    def commit(self, data_bytes: int) -> Awaitable[None]:
        return self._call("commit", lambda: self._inner.commit(data_bytes))

    def abort(self) -> Awaitable[None]:
        return self._inner.abort()


def _damage(blocks: Blocks, fault: Fault) -> Blocks:
    """Return what a verifying drive answers when its medium has this fault."""
    if fault is Fault.BIT_FLIP:
        middle = len(blocks) // 2
        return [*blocks[:middle], None, *blocks[middle + 1 :]]
    if fault is Fault.TRUNCATED:
        kept = len(blocks) // 2
        return [*blocks[:kept], *(None for _ in blocks[kept:])]
    return [None for _ in blocks]


def _lose(answer: object) -> Never:
    raise DriveSlow("The answer was lost.")


def _failed(fault: DriveFault) -> asyncio.Future[T]:
    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    future.set_exception(fault)
    return future


def _map(reply: Awaitable[T], change: Callable[[T], R]) -> asyncio.Future[R]:
    """Return a future of the changed answer."""
    result: asyncio.Future[R] = asyncio.get_running_loop().create_future()

    def arrived(done: asyncio.Future[T]) -> None:
        if result.done():
            return
        failure = done.exception()
        if failure is not None:
            result.set_exception(failure)
            return
        try:
            result.set_result(change(done.result()))
        except DriveFault as exc:
            result.set_exception(exc)

    _as_future(reply).add_done_callback(arrived)
    return result


def _delayed(reply: Awaitable[T], delay_s: float) -> asyncio.Future[T]:
    """Return a future that answers `delay_s` after the call was made, or when it ends, if later."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()
    work = _as_future(reply)

    def finish(done: asyncio.Future[T]) -> None:
        if result.done():
            return
        failure = done.exception()
        if failure is None:
            result.set_result(done.result())
        else:
            result.set_exception(failure)

    loop.call_later(delay_s, lambda: work.add_done_callback(finish))
    return result


def _as_future(reply: Awaitable[T]) -> asyncio.Future[T]:
    """Return the future behind a reply; a coroutine is run by a task that its result keeps."""
    if isinstance(reply, asyncio.Future):
        return reply

    async def carry() -> T:
        return await reply

    return asyncio.get_running_loop().create_task(carry())
