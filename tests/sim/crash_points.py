"""Crash points: one act of the store at a time, cut at each of its durable steps in turn.

Owns      `Striker`: for each act, the walk over (durable step, who loses power, what survives of
          unsynced commits), and the check that follows each of them.
Step      a commit of some drive is begun, or durable but not yet told to anybody. Between two
          steps nothing is different after a power cut.
Checks    the key's history is linearizable, with reads through two processes behind the crash and
          a write that must succeed; a value that is there has its bytes; a seal that was
          acknowledged holds; a rebuilt drive votes again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec

from atoll.base.errors import BucketNotFound, OutcomeUnknown, StoreError
from atoll.registers.members import Spot
from sim.clients import Client, cell_of
from sim.history import History
from sim.machines import Machine
from sim.network import Message
from sim.world import World, finish, until

#: Behind this nothing of an act is under way any more.
_ACT_S = 20.0
STEPS_MAX = 200


class Cut(msgspec.Struct, frozen=True):
    """Who loses power, and how many of the unsynced commits survive (None: a draw)."""

    victim: str
    kept: int | None


CUTS = tuple(
    Cut(victim, kept)
    for victim in ("process", "drive", "process and drive", "power")
    for kept in ((None,) if victim == "process" else (0, 99, None))
)


class Striker:
    """Acts in one world, each on a key of its own, all cut in the same way."""

    def __init__(self, world: World, cut: Cut) -> None:
        self.world = world
        self._cut = cut
        self._number = 0
        self._steps = 0
        self._strike_at = -1
        self._was_struck = False
        # One page, however many keys there are by then: the steps of a rebuild must not grow.
        world.copy_rows = 1000
        for machine in world.machines:
            machine.on_step = self._on_step

    def _on_step(self, machine: Machine) -> None:
        self._steps += 1
        if self._steps - 1 != self._strike_at:
            return
        self._was_struck = True
        cut, world = self._cut, self.world
        if cut.victim == "power":
            world.cut_power(cut.kept)
            return
        if cut.victim != "drive":
            world.hosts[0].crash()
        if cut.victim != "process":
            machine.crash(cut.kept)

    async def walk(self, name: str) -> int:
        """Cut an act at each of its steps; return how many there were."""
        step = 0
        while await self._strike(name, step):
            step += 1
            assert step < STEPS_MAX, f"{name}: the steps do not end"
        return step

    async def _strike(self, name: str, step: int) -> bool:
        """Cut an act at one step; return whether it has that many."""
        self._number += 1
        key = b"b/%08d/key" % self._number
        world = self.world
        client = Client(world, world.hosts[0])
        prepare, act = ACTS[name]
        await prepare(client, key)
        # The floor is low, so that raising it is a step of the act.
        await asyncio.sleep(3.0)
        self._steps, self._strike_at, self._was_struck = 0, step, False
        await finish(client.host.run(act(client, key)), limit_s=_ACT_S)
        await asyncio.sleep(0.05)
        self._strike_at = -1
        self._power_on()
        await self._look(client, key)
        return self._was_struck

    def _power_on(self) -> None:
        world = self.world
        world.power_on()
        for machine in world.machines:
            machine.on_step = self._on_step
        for host in world.hosts:
            host.map.known = world.map

    async def _look(self, client: Client, key: bytes) -> None:
        world = self.world
        for drive_id in list(world.blank):
            await world.rebuild(world.by_id[drive_id])
        other = Client(world, world.hosts[1])
        for one in (other, client, other):
            await one.read(key)
        await _check_bytes(other, key)
        epoch = await _check_seal(client, key)
        await _put_in_the_end(other, key, epoch)
        await client.read(key)
        assert await until(
            lambda: not any(host.registers.proposer.unresolved for host in world.hosts),
            limit_s=300.0,
        ), "an outcome stays unknown for ever"
        assert not world.blank, "a drive does not vote again"
        world.history.check()
        world.history = _fresh(world.history)


def _fresh(old: History) -> History:
    """Return a history that goes on with the tokens of an old one."""
    fresh = History()
    fresh.counts.update(old.counts)
    return fresh


# ── acts: what is there before, and what is cut ──────────────────────────────────────────────────


async def _nothing(client: Client, key: bytes) -> None:
    """Nothing is there."""


async def _value(client: Client, key: bytes) -> None:
    await client.put(key)


async def _named_data(client: Client, key: bytes) -> None:
    await client.put_data(key)


async def _old_tombstone(client: Client, key: bytes) -> None:
    await client.put(key)
    await client.delete(key)
    await asyncio.sleep(700.0)


async def _unsettled(client: Client, key: bytes) -> None:
    """The drive that is asked first holds a record whose proposer died."""
    world = client.world
    first = client.host.registers.members.ordered(world.map.set_of(key), key)[0]
    gate = world.network.gate(
        lambda message: message.verb == "accept" and message.target != str(first)
    )
    task = client.host.run(client.put(key))
    await until(lambda: bool(gate.held) or task.done(), limit_s=5.0, step_s=0.001)
    await asyncio.sleep(0.1)
    client.host.crash()
    gate.drop()
    world.network.gates.remove(gate)
    client.host.restart()


async def _lacking(client: Client, key: bytes) -> None:
    """One drive missed the record."""
    world = client.world
    missed = world.random.choice(world.machines)

    def wants(message: Message) -> bool:
        return message.verb == "accept" and message.target == str(missed.drive_id)

    gate = world.network.gate(wants)
    with suppress(StoreError):
        await client.put(key)
    gate.drop()
    world.network.gates.remove(gate)


async def _overwrite(client: Client, key: bytes) -> None:
    await client.put(key)


async def _name_data(client: Client, key: bytes) -> None:
    await client.put_data(key)
    # Until what it replaced was freed.
    await asyncio.sleep(3.0)


async def _delete(client: Client, key: bytes) -> None:
    await client.delete(key)


async def _drop(client: Client, key: bytes) -> None:
    spot = _spot(client, key)
    found = await client.host.registers.repairer.inspect(spot)
    if found.newest is not None:
        await client.host.registers.repairer.drop_tombstone(spot, found.newest.ballot)


async def _read(client: Client, key: bytes) -> None:
    await client.read(key)


async def _repair(client: Client, key: bytes) -> None:
    await client.host.registers.repairer.repair(_spot(client, key))


async def _seal(client: Client, key: bytes) -> None:
    await client.host.registers.seal(key[:10], 1)
    client.world.sealed.add(key[:10])


async def _rebuild(client: Client, key: bytes) -> None:
    world = client.world
    machine = world.random.choice(world.machines)
    if len(world.machines) > 1:
        world.replace(machine)
        # It is a task of nobody: the process that copies dies, and another goes on.
        await finish(world.start(world.rebuild(machine)), limit_s=1.0)


def _spot(client: Client, key: bytes) -> Spot:
    return client.host.registers.spot(cell_of(key))


Step = Callable[[Client, bytes], Awaitable[None]]

ACTS: dict[str, tuple[Step, Step]] = {
    "create": (_nothing, _overwrite),
    "overwrite": (_value, _overwrite),
    "name data": (_named_data, _name_data),
    "delete": (_value, _delete),
    "drop a tombstone": (_old_tombstone, _drop),
    "complete on read": (_unsettled, _read),
    "repair": (_lacking, _repair),
    "seal": (_nothing, _seal),
    "rebuild": (_value, _rebuild),
}


# ── checks ───────────────────────────────────────────────────────────────────────────────────────


async def _check_bytes(client: Client, key: bytes) -> None:
    """A value that is there has its bytes, now and behind the readers' grace."""
    for _ in range(2):
        found = await client.host.registers.read(cell_of(key))
        for data_id in () if found is None else found.value.data_ids:
            members = client.world.machines
            there = sum((key, data_id) in m.shards or (key, data_id) in m.lost for m in members)
            on = client.world.map.set_of(key)
            assert there >= on.quorums.data, f"{key!r} names data of {there} shards"
            await asyncio.sleep(3.0)


async def _put_in_the_end(client: Client, key: bytes, seal_epoch: int) -> None:
    """A write succeeds; it may meet a drive that took a floor for a promise when it was started."""
    for _ in range(3):
        with suppress(OutcomeUnknown):
            await client.put(key, seal_epoch=seal_epoch)
            return
    raise AssertionError("no write succeeds any more")


async def _check_seal(client: Client, key: bytes) -> int:
    """A seal that was acknowledged refuses; return the epoch of writes that pass."""
    if key[:10] in client.world.sealed:
        # Unknown: one of the drives that missed the seal took it, and it may never be chosen.
        with suppress(BucketNotFound, OutcomeUnknown):
            await client.put(key, seal_epoch=1)
            raise AssertionError("an acknowledged seal was forgotten")
    return 2
