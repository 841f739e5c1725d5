"""The machines of a simulated cluster: drives that lose what was not synced, and skewed clocks.

Owns      `Machine`, one drive: the real acceptor on a store in memory, with power cuts, pauses,
          want of room, errors of the device; and a model of its shards.
          `Link`, the same drive as one proposer sees it through the network.
Shards    a set of (key, data id), durable at once; what the protocol deleted is remembered, so
          that a checker can tell it from what a fault took.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from atoll.base.errors import DriveSlow
from atoll.base.ids import DataId, DriveId
from atoll.base.reply import Reply, copy_answer
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
from atoll.drives.acceptor import Acceptor, AcceptorRules
from atoll.drives.contract import NOTHING_COPIED
from atoll.drives.facts import Facts
from atoll.drives.memory_kv import MemoryKv
from sim.network import Message, Network

EPOCH_START_NS = 1_750_000_000_000_000_000


class SimClock:
    """Virtual time, seen through a clock that is wrong by `skew_s`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, skew_s: float = 0.0) -> None:
        self._loop = loop
        self.skew_s = skew_s

    def time_ns(self) -> int:
        """Return nanoseconds since 1970."""
        return EPOCH_START_NS + int((self._loop.time() + self.skew_s) * 1e9)

    def monotonic_s(self) -> float:
        """Return virtual seconds."""
        return self._loop.time()


class MachineSettings:
    """What a drive of the simulation is made of."""

    def __init__(self, rng: random.Random, rules: AcceptorRules) -> None:
        self.random = rng
        self.rules = rules
        self.acceptor_type = Acceptor
        self.drives_guess_frees = False
        self.seen: Counter[str] = Counter()
        self.sync_s = 0.001
        self.promises_max = 16_384
        self.recent_bytes_max = 1 << 20


class Machine:
    """One drive and the power it runs on."""

    def __init__(
        self,
        drive_id: DriveId,
        clock: SimClock,
        settings: MachineSettings,
        start_task: Callable[[Any], asyncio.Task[None]],
    ) -> None:
        self.drive_id = drive_id
        self.clock = clock
        self.is_up = False
        self.is_full = False
        self.is_paused = False
        self.shards: set[tuple[bytes, DataId]] = set()
        #: Shards that a free or an orphan scan removed here.
        self.deleted: set[tuple[bytes, DataId]] = set()
        #: Shards that went with a drive that was replaced.
        self.lost: set[tuple[bytes, DataId]] = set()
        self.crash_count = 0
        self.seen = settings.seen
        self._settings = settings
        self._start_task = start_task
        self._runner: asyncio.Task[None] | None = None
        self._waiting: list[Callable[[], None]] = []
        #: Told of each durable step of this drive: its store begins a commit, or has ended one.
        self.on_step: Callable[[Machine], None] = lambda machine: None
        self.kv = MemoryKv(self._sync_delay)
        self.acceptor: Acceptor
        self.start()

    def _sync_delay(self) -> float:
        draw = self._settings.random.random()
        return self._settings.sync_s * (0.2 + (20.0 if draw < 0.03 else draw))

    # ── power ──────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Power on: a new acceptor on what the store holds."""
        assert not self.is_up
        settings = self._settings
        self.kv.on_step = lambda: self.on_step(self)
        self.acceptor = settings.acceptor_type(
            self.kv,
            self.clock,
            has_room=lambda: not self.is_full,
            promises_max=settings.promises_max,
            recent_bytes_max=settings.recent_bytes_max,
            rules=settings.rules,
        )
        self._runner = self._start_task(self.acceptor.commit.run())
        self.is_up = True

    def crash(self, kept: int | None = None) -> None:
        """Power off: what was not synced may be gone, or may be there after all.

        `kept` says how many of the unsynced commits survive; None: a draw does.
        """
        if not self.is_up:
            return
        self.is_up = self.is_paused = False
        self.crash_count += 1
        self._waiting.clear()
        assert self._runner is not None
        self._runner.cancel()
        unsynced = self.kv.unsynced_count
        drawn = self._settings.random.randint(0, unsynced)
        kept = drawn if kept is None else min(kept, unsynced)
        self.seen["commit kept by a power cut"] += kept
        self.seen["commit lost in a power cut"] += unsynced - kept
        self.kv.on_step = lambda: None
        self.kv = self.kv.crash(kept)

    def replace(self, sets: list[int], epoch: int) -> None:
        """Put a blank drive in this one's place, that knows the epoch of its placement."""
        self.crash()
        self.seen["drive replaced"] += 1
        self.lost |= self.shards
        facts = Facts()
        puts = facts.plan_epoch(epoch)
        for index in sets:
            puts += facts.plan_copied(index, NOTHING_COPIED)
        # As a real drive does, before anything is answered.
        blank = MemoryKv()
        blank.commit(puts, sync=True)
        blank.sync_delay = self._sync_delay
        self.kv = blank
        self.shards.clear()
        self.start()

    def learn_epoch(self, epoch: int) -> Reply[None]:
        """Store a map epoch; answered when durable."""
        answer: Reply[None] = Reply()
        facts = self.acceptor.facts
        if facts.epoch < epoch:
            facts.epoch = epoch

        def on_durable(fault: BaseException | None) -> None:
            if fault is not None:
                answer.set_exception(fault)
            else:
                answer.set_result(None)

        self.acceptor.commit.submit(facts.plan_epoch(facts.epoch), on_durable)
        return answer

    def pause(self) -> None:
        """Answer nothing until `resume`, then everything at once."""
        self.is_paused = True

    def resume(self) -> None:
        """Go on."""
        self.is_paused = False
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            call()

    # ── messages ───────────────────────────────────────────────────────────────────────────────

    def take(self, verb: str, request: Any, respond: Callable[[Reply[Any]], None]) -> bool:
        """Carry out a message; False: nobody is there."""
        if not self.is_up:
            return False
        if self.is_paused:
            self._waiting.append(lambda: self.take(verb, request, respond))
            return True
        acceptor = self.acceptor

        def answered(done: Reply[Any]) -> None:
            if self.is_up and self.acceptor is acceptor:
                self._note(verb, request, done)
                respond(done)

        if verb == "free":
            answered(self._free(request))
        elif verb == "put_shard":
            self.shards.add(request)
            answered(_done(None))
        else:
            getattr(acceptor, verb)(request).add_done_callback(answered)
        return True

    def _note(self, verb: str, request: Any, done: Reply[Any]) -> None:
        """Count what was answered."""
        exc = done.exception()
        if exc is not None:
            self.seen[f"{verb}: {type(exc).__name__}"] += 1
            return
        answer = done.result()
        said = answer.reason.name if isinstance(answer, Refused) else "ok"
        self.seen[f"{verb}: {said}"] += 1
        if isinstance(answer, Accepted) and self._settings.drives_guess_frees:
            for data_id in answer.replaced:
                self.delete_shard((request.key, data_id))

    def _free(self, request: Free) -> Reply[bool]:
        if not self.acceptor.may_free(request):
            return _done(False)
        self.delete_shard((request.key, request.data_id))
        return _done(True)

    def delete_shard(self, shard: tuple[bytes, DataId]) -> None:
        """Remove a shard because the protocol said so."""
        self.shards.discard(shard)
        self.deleted.add(shard)


class Link:
    """A drive as one proposer sees it. Implements the register verbs of the Drive contract."""

    def __init__(self, host: str, machine: Machine, network: Network, rng: random.Random) -> None:
        self._host = host
        self._machine = machine
        self._network = network
        self._random = rng
        self._loop = asyncio.get_running_loop()
        #: How long a caller waits before it calls the drive slow; some callers are never told.
        self.patience_s = 1.0

    def prepare(self, request: Prepare) -> Reply[Promise | Refused]:
        """Promise a ballot."""
        return self.call("prepare", request)

    def accept(self, request: Accept) -> Reply[Accepted | Refused]:
        """Store a value."""
        return self.call("accept", request)

    def read(self, request: Read) -> Reply[Shown]:
        """Show a record."""
        return self.call("read", request)

    def scan(self, request: Scan) -> Reply[Page]:
        """Show records."""
        return self.call("scan", request)

    def seal(self, request: Seal) -> Reply[None]:
        """Store a seal."""
        return self.call("seal", request)

    def free(self, request: Free) -> Reply[bool]:
        """Remove shards."""
        return self.call("free", request)

    def drop(self, request: Drop) -> Reply[bool]:
        """Forget a tombstone."""
        return self.call("drop", request)

    def restore(self, request: Restore) -> Reply[None]:
        """Take records of a rebuild."""
        return self.call("restore", request)

    def put_shard(self, shard: tuple[bytes, DataId]) -> Reply[None]:
        """Store a shard."""
        return self.call("put_shard", shard)

    def call(self, verb: str, request: Any) -> Reply[Any]:
        """Send a message and return where its answer will be."""
        answer: Reply[Any] = Reply()
        there, back = self._host, str(self._machine.drive_id)
        out = Message(there, back, verb, request, False)
        home = Message(back, there, verb, request, True)

        def respond(done: Reply[Any]) -> None:
            if not self._network.send(home, lambda: copy_answer(done, answer)):
                self._lose(answer)

        def deliver() -> None:
            if not self._machine.take(verb, request, respond):
                self._lose(answer)

        if not self._network.send(out, deliver):
            self._lose(answer)
        return answer

    def _lose(self, answer: Reply[Any]) -> None:
        if self._random.random() < 0.2:
            return

        def give_up() -> None:
            if not answer.done():
                answer.set_exception(DriveSlow("The drive does not answer."))

        self._loop.call_later(self.patience_s * (0.5 + self._random.random()), give_up)


def _done(result: Any) -> Reply[Any]:
    reply: Reply[Any] = Reply()
    reply.set_result(result)
    return reply
