"""What goes wrong in a simulated cluster, and when.

Owns      the schedule of faults of one burst: each begins and ends by itself, so that the cluster
          has bad times and good ones. All draws come from the world's source.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from atoll.base.errors import DriveFull
from sim.machines import Machine
from sim.world import World


class Chaos:
    """Faults at a pace."""

    def __init__(self, world: World, *, pause_s: float) -> None:
        self._world = world
        self._random = world.random
        self._pause_s = pause_s
        self._faults: list[tuple[int, Callable[[], Coroutine[Any, Any, None]]]] = [
            (4, self._crash_drive),
            (4, self._crash_at_step),
            (3, self._crash_host),
            (2, self._crash_node),
            (1, self._power_cut),
            (3, self._cut_one_way),
            (2, self._partition),
            (2, self._pause_drive),
            (2, self._slow_drive),
            (1, self._fill_drive),
            (1, self._break_drive),
            (1, self._no_room_for_a_batch),
            (2, self._replace_drive),
            (1, self._jump_clock),
        ]

    async def run(self) -> None:
        """Cause faults until cancelled."""
        weights = [weight for weight, _ in self._faults]
        while True:
            await asyncio.sleep(self._random.expovariate(1.0 / self._pause_s))
            _, fault = self._random.choices(self._faults, weights)[0]
            self._world.seen[fault.__name__.strip("_").replace("_", " ")] += 1
            self._world.start(fault())

    def _some_drive(self) -> Machine:
        return self._random.choice(self._world.machines)

    async def _spell(self, mean_s: float) -> None:
        await asyncio.sleep(self._random.expovariate(1.0 / mean_s))

    async def _crash_drive(self) -> None:
        machine = self._some_drive()
        machine.crash()
        await self._spell(0.5)
        if not machine.is_up:
            machine.start()

    async def _crash_at_step(self) -> None:
        """A drive, a process or all power goes at one of the next durable steps of a drive."""
        world = self._world
        machine = self._some_drive()
        left = self._random.randint(0, 8)
        victim = self._random.choice(["drive", "drive", "process", "power"])

        def on_step(machine: Machine) -> None:
            nonlocal left
            left -= 1
            if left >= 0:
                return
            machine.on_step = lambda machine: None
            world.seen[f"{victim} cut at a durable step"] += 1
            if victim == "drive":
                machine.crash()
            elif victim == "process":
                self._random.choice(world.hosts).crash()
            else:
                world.cut_power()

        machine.on_step = on_step
        await self._spell(1.0)
        machine.on_step = lambda machine: None
        world.power_on()

    async def _crash_host(self) -> None:
        host = self._random.choice(self._world.hosts)
        host.crash()
        await self._spell(0.3)
        host.restart()

    async def _crash_node(self) -> None:
        """A proposer and its drives at once."""
        world = self._world
        host = self._random.choice(world.hosts)
        mine = [m for m in world.machines if self._random.random() < 1 / len(world.hosts)]
        host.crash()
        for machine in mine:
            machine.crash()
        await self._spell(0.4)
        host.restart()
        for machine in mine:
            if not machine.is_up:
                machine.start()

    async def _power_cut(self) -> None:
        self._world.power_cut()

    async def _cut_one_way(self) -> None:
        world = self._world
        pair = [self._random.choice(world.hosts).name, str(self._some_drive().drive_id)]
        self._random.shuffle(pair)
        await self._cut([(pair[0], pair[1])])

    async def _partition(self) -> None:
        world = self._world
        here = self._random.choice(world.hosts).name
        there = [str(m.drive_id) for m in world.machines if self._random.random() < 0.4]
        await self._cut([(here, name) for name in there] + [(name, here) for name in there])

    async def _cut(self, pairs: list[tuple[str, str]]) -> None:
        self._world.network.cut.update(pairs)
        await self._spell(0.8)
        self._world.network.cut.difference_update(pairs)

    async def _pause_drive(self) -> None:
        machine = self._some_drive()
        machine.pause()
        await self._spell(0.5)
        machine.resume()

    async def _slow_drive(self) -> None:
        name = str(self._some_drive().drive_id)
        self._world.network.slow[name] = self._random.uniform(5, 60)
        await self._spell(1.0)
        self._world.network.slow.pop(name, None)

    async def _fill_drive(self) -> None:
        machine = self._some_drive()
        machine.is_full = True
        await self._spell(1.0)
        machine.is_full = False

    async def _break_drive(self) -> None:
        """The device answers EIO once; the drive is poisoned until it is opened again."""
        machine = self._some_drive()
        machine.kv.fail_next_commit = True
        await self._spell(0.5)
        machine.kv.fail_next_commit = False
        if machine.acceptor.commit.fault is not None:
            machine.crash()
            machine.start()

    async def _no_room_for_a_batch(self) -> None:
        self._some_drive().kv.next_fault = DriveFull(errno=28)
        await asyncio.sleep(0)

    async def _replace_drive(self) -> None:
        world = self._world
        machine = self._some_drive()
        sets = [on for on in world.map.sets if machine.drive_id in on.drives]
        # What one failure may take: a second blank drive of a set would be one too many.
        if world.blank or any(len(on.drives) < 2 for on in sets):
            return
        world.replace(machine)
        await world.rebuild(machine)

    async def _jump_clock(self) -> None:
        skew_s = self._world.shape.skew_s
        clock = self._random.choice([m.clock for m in [*self._world.machines, *self._world.hosts]])
        clock.skew_s = self._random.uniform(-skew_s, skew_s)
        await asyncio.sleep(0)
