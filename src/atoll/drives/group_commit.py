"""Group commit: everything that arrived while the device was busy goes into the next sync.

Owns      the queue between an acceptor and its store, and the one commit in flight.
Order     batches are made in the order of `submit`; puts of one batch keep their order.
Bounds    a batch holds at most `BATCH_PUTS_MAX` puts; more wait for the next one.
Failure   a failed commit poisons the store: that batch and everything later fails with the same
          fault, because after a failed sync nobody knows what the medium holds. Want of room is no
          such failure: nothing of that batch was stored, and the next one is tried.
Tasks     `run` is the only task; it is owned by whoever opened the drive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from atoll.base.errors import DriveFault, DriveFull, DriveIo, DriveSlow, StoreError
from atoll.drives.kv import OrderedKv, Put
from atoll.telemetry.metrics import Histogram

BATCH_PUTS_MAX: Final = 2048

#: Entries that make a batch worth starting before the loop's turn ends.
EARLY_ENTRIES: Final = 12

#: Called on the loop when an entry is durable (None) or failed.
OnDurable = Callable[[StoreError | None], None]


class _Begun(msgspec.Struct, frozen=True):
    """A batch in flight."""

    commit: Awaitable[None]
    waiting: list[OnDurable]
    put_count: int
    began_s: float


class GroupCommit:
    """The write queue of one store."""

    def __init__(self, kv: OrderedKv) -> None:
        self._kv = kv
        self._queue: list[tuple[list[Put], OnDurable]] = []
        self._begun: _Begun | None = None
        self._wake: asyncio.Event = asyncio.Event()
        self._idle: asyncio.Event = asyncio.Event()
        self._idle.set()
        self.fault: DriveFault | None = None
        #: Asked before each batch for one more entry: a floor raise that costs no sync of its own.
        self.passenger: Callable[[], tuple[list[Put], OnDurable] | None] | None = None
        #: Seconds from the begin of a commit to its durable end.
        self.sync = Histogram()
        self.batch_count = 0
        self.put_count = 0

    @property
    def depth(self) -> int:
        """Return the number of entries that wait."""
        return len(self._queue)

    def submit(self, puts: list[Put], on_durable: OnDurable) -> None:
        """Queue puts that become durable together."""
        if self.fault is not None:
            on_durable(self.fault)
            return
        queue = self._queue
        queue.append((puts, on_durable))
        if self._begun is None and len(queue) >= EARLY_ENTRIES:
            # The loop is in the middle of a crowd of requests: let the device work on the first of
            # them while the others are still being decided, or device and processor wait for each
            # other in turn.
            self._begin()
        if self._idle.is_set():
            self._idle.clear()
            self._wake.set()

    async def run(self) -> None:
        """Commit batches for ever; cancelled by the owner."""
        while True:
            await self._wake.wait()
            if self._begun is None:
                self._begin()
            await self._finish()
            if not self._queue and self._begun is None:
                self._wake.clear()
                self._idle.set()

    async def drain(self) -> None:
        """Wait until nothing is queued or in flight."""
        await self._idle.wait()

    async def close(self) -> None:
        """Wait like `drain`, and refuse what comes later: the store is about to go."""
        await self.drain()
        self.poison(DriveSlow("The drive is closed."))

    def poison(self, fault: DriveFault) -> None:
        """Fail everything queued and everything that comes."""
        if self.fault is None:
            self.fault = fault
        batch, self._queue = self._queue, []
        for _, on_durable in batch:
            on_durable(self.fault)

    def _take_batch(self) -> tuple[list[Put], list[OnDurable]]:
        puts: list[Put] = []
        waiting: list[OnDurable] = []
        taken = 0
        for entry, on_durable in self._queue:
            if puts and len(puts) + len(entry) > BATCH_PUTS_MAX:
                break
            puts += entry
            waiting.append(on_durable)
            taken += 1
        del self._queue[:taken]
        return puts, waiting

    def _begin(self) -> None:
        """Hand the next batch to the store."""
        puts, waiting = self._take_batch()
        carried = self.passenger() if self.passenger is not None else None
        if carried is not None:
            puts += carried[0]
            waiting.append(carried[1])
        began_s = asyncio.get_running_loop().time()
        self._begun = _Begun(self._kv.commit(puts, sync=True), waiting, len(puts), began_s)

    async def _finish(self) -> None:
        """Wait for the batch in flight, let the next one begin, then answer."""
        begun = self._begun
        assert begun is not None, "nothing is in flight"
        try:
            await begun.commit
        except DriveFull as exc:
            # The store took nothing of the batch, and takes the next one once there is room.
            self._begun = None
            for on_durable in begun.waiting:
                on_durable(exc)
            return
        except StoreError as exc:
            self._begun = None
            # Before anybody is told: a prepare that waits for this batch would otherwise promise
            # on the record before it, while the batch may be on the medium.
            fault = exc if isinstance(exc, DriveFault) else DriveIo(str(exc), errno=5)
            self.fault = self.fault or fault
            for on_durable in begun.waiting:
                on_durable(fault)
            self.poison(fault)
            return
        self._begun = None
        self.sync.observe(asyncio.get_running_loop().time() - begun.began_s)
        self.batch_count += 1
        self.put_count += begun.put_count
        if self._queue:
            self._begin()
        for on_durable in begun.waiting:
            on_durable(None)
