"""A simulated cluster: drives, proposers, one network, one source of randomness, virtual time.

Owns      `World`, what exists and what becomes of it: power, partitions, epochs, replacement.
          `Host`, one process that proposes: real registers behind links, with its own clock.
Epochs    a replacement raises the map's epoch. Drives learn it durably; hosts learn it late.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec

from atoll.base.errors import StoreError
from atoll.base.ids import ClusterId, DriveId, SetIndex
from atoll.core.placement.cluster_map import ClusterMap, ErasureSet
from atoll.core.quorum.sizes import plan_quorums
from atoll.drives.acceptor import Acceptor, AcceptorRules
from atoll.registers.settings import RegisterRules, RegisterSettings
from atoll.registers.store import Registers
from sim.history import History
from sim.machines import Link, Machine, MachineSettings, SimClock
from sim.network import Network

KEYS_END = b"\xff"
SLOTS = 16


class JobRules(msgspec.Struct, frozen=True, kw_only=True):
    """Safety rules of jobs that the simulation models, switched off one by one."""

    orphan_scan_completes: bool = True
    frees_are_told: bool = True
    shards_before_name: bool = True


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """All rules of a run."""

    acceptors: AcceptorRules = AcceptorRules()
    registers: RegisterRules = RegisterRules()
    jobs: JobRules = JobRules()
    acceptor_type: type[Acceptor] = Acceptor


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What a world consists of: sets as tuples of drive numbers, and how many hosts."""

    sets: tuple[tuple[int, ...], ...]
    hosts: int
    skew_s: float = 0.0
    sync_s: float = 0.001
    promises_max: int = 16_384
    recent_bytes_max: int = 1 << 20


SETTINGS = RegisterSettings(round_s=2.0, write_s=8.0, resolve_max_s=2.0)


class SimEntropy:
    """Random bits from the world's source."""

    def __init__(self, rng: random.Random) -> None:
        self._random = rng

    def random_bytes(self, count: int) -> bytes:
        """Return random bytes."""
        return self._random.randbytes(count)

    def random_u64(self) -> int:
        """Return a random number."""
        return self._random.getrandbits(64)


class MapHolder:
    """The map as one host knows it."""

    def __init__(self, newest: ClusterMap) -> None:
        self.known = newest

    def current(self) -> ClusterMap:
        """Return the map."""
        return self.known


class Host:
    """One process: registers, their tasks, and the clients that talk to it."""

    def __init__(self, world: World, name: str, clock: SimClock) -> None:
        self.name = name
        self.clock = clock
        self.is_up = False
        self.map = MapHolder(world.map)
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.seen = world.seen
        self._world = world
        self.links = {
            machine.drive_id: Link(name, machine, world.network, world.random)
            for machine in world.machines
        }
        self.registers: Registers
        self.start()

    def start(self) -> None:
        """Start the process: a new proposer."""
        world = self._world
        self.map.known = world.map
        self.registers = Registers(
            self.map,
            self.links,
            self.clock,
            SimEntropy(world.random),
            settings=world.settings,
            rules=world.rules.registers,
        )
        self.is_up = True
        self.run(self.registers.run())

    def run(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start work that dies with the process; a StoreError is its result, not its end."""
        task = self._world.start(_outcome(work))
        self.tasks[task] = None
        task.add_done_callback(lambda done: self.tasks.pop(done, None))
        return task

    def crash(self) -> None:
        """Kill the process; what it sent is still under way."""
        if not self.is_up:
            return
        self.is_up = False
        seen = self._world.seen
        seen["process killed"] += 1
        seen["completed on read"] += self.registers.reader.completion_count
        seen["data freed"] += self.registers.reclaimer.freed_count
        for task in list(self.tasks):
            task.cancel()
        self.tasks.clear()

    def restart(self) -> None:
        """Start again, if it is down."""
        if not self.is_up:
            self.start()


class World:
    """Everything there is."""

    def __init__(
        self, tasks: asyncio.TaskGroup, rng: random.Random, shape: Shape, rules: Rules
    ) -> None:
        self._tasks = tasks
        self._background: dict[asyncio.Task[Any], None] = {}
        self.loop = asyncio.get_running_loop()
        self.random = rng
        self.rules = rules
        self.settings = SETTINGS
        self.shape = shape
        self.network = Network(self.loop, rng)
        self.history = History()
        #: What happened, by name: a run that never saw something proves nothing about it.
        self.seen = self.network.seen
        made = MachineSettings(rng, rules.acceptors)
        made.seen = self.seen
        made.acceptor_type = rules.acceptor_type
        made.drives_guess_frees = not rules.jobs.frees_are_told
        made.sync_s = shape.sync_s
        made.promises_max = shape.promises_max
        made.recent_bytes_max = shape.recent_bytes_max
        count = 1 + max(number for drives in shape.sets for number in drives)
        self.machines = [
            Machine(DriveId(f"d{number}"), self.clock(shape.skew_s), made, self.start)
            for number in range(count)
        ]
        self.by_id = {machine.drive_id: machine for machine in self.machines}
        self.map = ClusterMap(
            cluster_id=ClusterId("sim"),
            epoch=1,
            seed=7,
            sets=tuple(
                ErasureSet(
                    index=SetIndex(index),
                    drives=tuple(DriveId(f"d{number}") for number in drives),
                    quorums=plan_quorums(len(drives)),
                )
                for index, drives in enumerate(shape.sets)
            ),
            slot_sets=tuple(slot % len(shape.sets) for slot in range(SLOTS)),
        )
        self.hosts = [Host(self, f"h{n}", self.clock(shape.skew_s)) for n in range(shape.hosts)]
        #: Keys per page of a rebuild.
        self.copy_rows = 3
        #: Prefixes whose seal was acknowledged.
        self.sealed: set[bytes] = set()
        #: Drives whose registers are being rebuilt.
        self.blank: dict[DriveId, None] = {}

    def clock(self, skew_s: float) -> SimClock:
        """Return a clock that is wrong by at most `skew_s`."""
        return SimClock(self.loop, self.random.uniform(-skew_s, skew_s))

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start a task of this world."""
        task = self._tasks.create_task(work)
        self._background[task] = None
        task.add_done_callback(lambda done: self._background.pop(done, None))
        return task

    def stop(self) -> None:
        """End all tasks."""
        for host in self.hosts:
            host.crash()
        for task in list(self._background):
            task.cancel()

    def host(self) -> Host:
        """Return some host that is up; the first is started if none is."""
        up = [host for host in self.hosts if host.is_up]
        if not up:
            self.hosts[0].restart()
            return self.hosts[0]
        return self.random.choice(up)

    def members(self, on: ErasureSet) -> list[Machine]:
        """Return the machines of a set."""
        return [self.by_id[drive_id] for drive_id in on.drives]

    # ── replacement ────────────────────────────────────────────────────────────────────────────

    def replace(self, machine: Machine) -> None:
        """Put a blank drive in the place of one; it is rebuilt when the others know of it."""
        self.map = msgspec.structs.replace(self.map, epoch=self.map.epoch + 1)
        sets = [on.index for on in self.map.sets if machine.drive_id in on.drives]
        machine.replace([int(index) for index in sets], self.map.epoch)
        self.blank[machine.drive_id] = None
        for host in self.hosts:
            self.loop.call_later(self.random.uniform(0, 1.5), setattr, host.map, "known", self.map)

    async def rebuild(self, machine: Machine) -> None:
        """Rebuild a blank drive, page by page, until it votes on everything."""
        epoch = self.map.epoch
        for other in self.machines:
            if other is not machine:
                await self._teach(other, epoch)
        while machine.acceptor.facts.copied_until:
            await self._copy(machine)
            await asyncio.sleep(self.random.uniform(0.01, 0.2))
        self.blank.pop(machine.drive_id, None)
        self.seen["drive rebuilt"] += 1

    async def _teach(self, machine: Machine, epoch: int) -> None:
        while True:
            crashes = machine.crash_count
            if machine.is_up and not machine.is_paused:
                with suppress(StoreError, TimeoutError):
                    async with asyncio.timeout(1.0):
                        await machine.learn_epoch(epoch)
                    if crashes == machine.crash_count:
                        return
            await asyncio.sleep(0.2)

    async def _copy(self, machine: Machine) -> None:
        host = self.host()
        if host.map.known.epoch < self.map.epoch:
            host.map.known = self.map
        index, start = next(iter(machine.acceptor.facts.copied_until.items()))
        on = self.map.sets[index]
        copy = host.registers.repairer.copy_page(
            on, machine.drive_id, start, KEYS_END, self.copy_rows
        )
        await finish(host.run(copy), limit_s=10.0)

    def heal(self) -> None:
        """End every fault but blankness: network, power, devices, clocks."""
        self.network.weather.loss = self.network.weather.duplicates = 0.0
        self.network.cut.clear()
        self.network.slow.clear()
        for machine in self.machines:
            machine.is_full = False
            machine.on_step = lambda machine: None
            machine.kv.fail_next_commit = False
            machine.kv.next_fault = None
            if machine.acceptor.commit.fault is not None:
                machine.crash()
        self.power_on()
        for machine in self.machines:
            machine.resume()
        for host in self.hosts:
            host.map.known = self.map

    def power_on(self) -> None:
        """Start what is down."""
        for machine in self.machines:
            if not machine.is_up:
                machine.start()
        for host in self.hosts:
            host.restart()

    def cut_power(self, kept: int | None = None) -> None:
        """Everything loses power at once."""
        for host in self.hosts:
            host.crash()
        for machine in self.machines:
            machine.crash(kept)

    def power_cut(self) -> None:
        """Everything loses power at once, and comes back."""
        self.cut_power()
        self.heal()


@asynccontextmanager
async def open_world(seed: int, shape: Shape, rules: Rules | None = None) -> Any:
    """Open a world; all its tasks end with it."""
    async with asyncio.TaskGroup() as tasks:
        world = World(tasks, random.Random(seed), shape, rules or Rules())
        try:
            yield world
        finally:
            world.stop()


async def until(is_so: Callable[[], bool], *, limit_s: float, step_s: float = 0.05) -> bool:
    """Wait until something is so; return whether it is."""
    loop = asyncio.get_running_loop()
    end = loop.time() + limit_s
    while not (so := is_so()) and loop.time() < end:  # noqa: ASYNC110 (virtual time)
        await asyncio.sleep(step_s)
    return so


async def finish(task: asyncio.Task[Any], *, limit_s: float) -> bool:
    """Wait for a task, at most `limit_s`, then cancel it; return whether it ended by itself."""
    await asyncio.wait({task}, timeout=limit_s)
    if task.done():
        return not task.cancelled()
    task.cancel()
    await asyncio.wait({task})
    return False


async def _outcome(work: Awaitable[Any]) -> Any:
    try:
        return await work
    except StoreError as exc:
        return exc
