"""Schedules that end badly in a store that lacks one of its rules, and well in a sound one.

Each is written for one rule of docs/design/registers.md that random seeds meet too rarely. It takes
a world and raises AssertionError for what the missing rule lets happen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from atoll.base.errors import BucketNotFound, StoreError
from atoll.core.quorum.messages import Detail, Record
from atoll.drives.acceptor import Acceptor
from atoll.drives.records import StoredRecords
from sim.clients import Client, cell_of
from sim.network import Gate, Message
from sim.upkeep import collect_tombstones, repair_all, scan_orphans
from sim.world import World, until

#: Asked at d0 first, then d1: the last byte picks the drive (of 3 and of 5).
KEY = b"b/00000000\x1e"
#: Another key that is asked at the same drives.
BESIDE = b"b/00000000\x21"


class ShowsUnsynced(Acceptor):
    """An acceptor that shows accepts before they are durable."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._records = _WithPending(self, self._records)  # type: ignore[assignment]


class _WithPending:
    def __init__(self, acceptor: Acceptor, inner: StoredRecords) -> None:
        self._acceptor = acceptor
        self._inner = inner
        self.put, self.forget = inner.put, inner.forget
        self.load_from_medium = inner.load_from_medium

    def load(self, stored: bytes, detail: Detail) -> Record | None:
        pending = self._acceptor._pending.get(stored)
        return pending.record if pending is not None else self._inner.load(stored, detail)


def hold(world: World, verb: str, *, to: str = "", by: str = "", answer: bool = False) -> Gate:
    """Hold requests of a verb between some host and some drives; "" means any."""

    def wants(message: Message) -> bool:
        if message.verb != verb or message.is_answer != answer:
            return False
        host, drive = message.source, message.target
        if answer:
            host, drive = drive, host
        return (not to or drive in to.split()) and (not by or host == by)

    return world.network.gate(wants)


def close(*gates: Gate) -> None:
    """Lose what gates hold, and hold nothing any more."""
    for gate in gates:
        gate.drop()
        gate.is_open = True


def start(client: Client, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Begin an operation in the process of a client."""
    return client.host.run(work)


def clients(world: World) -> list[Client]:
    return [Client(world, host) for host in world.hosts]


async def floor(world: World) -> None:
    """Promises forgotten in a crash let two writers win."""
    first, second, third = clients(world)
    gates = [hold(world, "accept", by=host.name) for host in world.hosts[:2]]
    tasks = [start(first, first.create(KEY))]
    await asyncio.sleep(0.1)
    tasks.append(start(second, second.create(KEY)))
    await asyncio.sleep(0.1)
    for machine in world.machines:
        machine.crash()
        machine.start()
    for gate, task in zip(gates, tasks, strict=True):
        gate.open()
        await task
    await third.read(KEY)
    world.history.check()


async def write_back(world: World) -> None:
    """One reader sees a record that the next one, at other drives, does not."""
    first, second, third = clients(world)
    others = hold(world, "accept", to="d1 d2")
    start(first, first.put(KEY))
    await asyncio.sleep(0.5)
    first.host.crash()
    close(others)
    await second.read(KEY)
    await asyncio.sleep(0.1)
    world.machines[0].pause()
    await third.read(KEY)
    world.history.check()


async def mark_open(world: World) -> None:
    """A watermark above an open ballot calls a record chosen that one drive holds."""
    first, second, third = clients(world)
    await first.put(BESIDE)
    hold(world, "accept", to="d1 d2", by=first.host.name)
    start(first, first.put(KEY))
    await asyncio.sleep(0.2)
    # The drives hear the watermark of `first`, and `second` hears it of the drives.
    await first.read(BESIDE)
    await second.read(BESIDE)
    await second.read(KEY)
    first.host.crash()
    await asyncio.sleep(0.1)
    world.machines[0].pause()
    await third.read(KEY)
    world.history.check()


async def unsynced(world: World) -> None:
    """What was shown before it was durable is gone after a power cut."""
    first, second, _ = clients(world)
    start(first, first.put(KEY))
    await until(
        lambda: all(machine.acceptor._pending for machine in world.machines),
        limit_s=5.0,
        step_s=0.001,
    )
    with suppress(StoreError):
        async with asyncio.timeout(0.05):
            await second.read(KEY)
    world.cut_power(kept=0)
    world.heal()
    await asyncio.sleep(0.1)
    await second.read(KEY)
    world.history.check()


async def horizon(world: World) -> None:
    """A late accept brings back what was deleted and forgotten."""
    first, second, _ = clients(world)
    late = hold(world, "accept", to="d0")
    await first.put(KEY)
    await first.delete(KEY)
    kept = late.held[:1]
    close(late)
    await asyncio.sleep(700.0)
    await repair_all(world.hosts[1])
    await asyncio.sleep(700.0)
    assert await collect_tombstones(world.hosts[1])
    for _, deliver in kept:
        deliver()
    await asyncio.sleep(0.1)
    await second.read(KEY)
    world.history.check()


async def seals(world: World) -> None:
    """A write that saw the bucket before its removal lands in it afterwards."""
    first, second, _ = clients(world)
    await second.host.registers.seal(KEY[:10], 1)
    with suppress(BucketNotFound):
        await first.put(KEY, seal_epoch=1)
        raise AssertionError("a sealed prefix took a write")


async def abstain(world: World) -> None:
    """A blank drive says that nothing was there."""
    first, second, _ = clients(world)
    missed = hold(world, "accept", to="d2")
    await first.put(KEY)
    close(missed)
    hold(world, "read", to="d1")
    world.replace(world.machines[0])
    for host in world.hosts:
        host.map.known = world.map
    await asyncio.sleep(0.1)
    with suppress(StoreError):
        await second.read(KEY)
    world.history.check()


async def old_data(world: World) -> None:
    """A writer that slept for two days names bytes that the orphan scan removed."""
    first, second, _ = clients(world)
    data_id = await first.upload(KEY)
    assert data_id is not None
    await asyncio.sleep(50 * 3600.0)
    await scan_orphans(world, second.host)
    with suppress(StoreError):
        await first.put(KEY, data_ids=(data_id,))
    await _check_bytes(second)


async def orphans(world: World) -> None:
    """The orphan scan removes bytes that a drive it did not ask still names."""
    first, second, _ = clients(world)
    others = hold(world, "accept", to="d1 d2")
    start(first, first.put_data(KEY))
    await asyncio.sleep(0.5)
    first.host.crash()
    close(others)
    await asyncio.sleep(50 * 3600.0)
    gates = [hold(world, verb, to="d0") for verb in ("read", "prepare", "accept")]
    await scan_orphans(world, second.host)
    close(*gates)
    await _check_bytes(second)


async def frees(world: World) -> None:
    """Drives free what a value replaced that is never chosen."""
    first, second, _ = clients(world)
    await first.put_data(KEY)
    some = hold(world, "accept", to="d3 d4")
    start(first, first.put_data(KEY))
    await asyncio.sleep(0.5)
    first.host.crash()
    close(some)
    gates = [hold(world, verb, to="d0 d1 d2") for verb in ("read", "prepare")]
    await second.host.registers.repairer.confirm(second.host.registers.spot(cell_of(KEY)))
    close(*gates)
    await _check_bytes(second)


async def shards_first(world: World) -> None:
    """A name without bytes: too few drives had taken the shards."""
    first, second, _ = clients(world)
    gate = hold(world, "put_shard", to="d1 d2")
    await first.put_data(KEY)
    close(gate)
    await _check_bytes(second)


async def epoch(world: World) -> None:
    """A drive that was replaced has forgotten a promise, and two writers win."""
    first, second, third = clients(world)
    gates = [hold(world, "prepare", by=host.name, answer=True) for host in world.hosts[:2]]
    beside = hold(world, "prepare", by=second.host.name, to="d2")
    tasks = [start(first, first.create(KEY))]
    await asyncio.sleep(0.1)
    tasks.append(start(second, second.create(KEY)))
    await asyncio.sleep(0.1)
    world.replace(world.machines[0])
    first.host.map.known = second.host.map.known = third.host.map.known = world.map
    await world.rebuild(world.machines[0])
    for gate, task in zip(gates, tasks, strict=True):
        gate.open()
        close(beside)
        await task
    await third.read(KEY)
    world.history.check()


async def mark_early(world: World) -> None:
    """A watermark that came with an answer covers a record that was never chosen."""
    first, second, third = clients(world)
    slow_read = hold(world, "read", by=third.host.name, to="d0")
    no_third = hold(world, "read", by=third.host.name, to="d2")
    reading = start(third, third.read(KEY))
    await asyncio.sleep(0.02)
    # `second` holds d1 and d2 when the accept of `first` gets through to d0 alone.
    accepts = hold(world, "accept", by=first.host.name)
    beside = [hold(world, verb, by=second.host.name, to="d0") for verb in ("prepare", "accept")]
    loser = start(first, first.create(KEY))
    await asyncio.sleep(0.02)
    winner = start(second, second.create(KEY))
    await winner
    look = hold(world, "prepare", by=first.host.name, to="d0")
    accepts.release()
    await asyncio.sleep(0.05)
    # What is settled afterwards never reaches d0; the watermark does.
    accepts.held = [one for one in accepts.held if one[0].target != "d0"]
    accepts.release()
    await until(loser.done, limit_s=1.0, step_s=0.001)
    for _ in range(20):
        accepts.held = [one for one in accepts.held if one[0].target != "d0"]
        accepts.release()
        await asyncio.sleep(0.01)
    assert loser.done(), "the loser does not end"
    with suppress(StoreError):
        await first.read(BESIDE)
    slow_read.open()
    await reading
    close(no_third, look, *beside)
    world.history.check()


async def _check_bytes(client: Client) -> None:
    """A value that is there has its bytes."""
    found = await client.host.registers.read(cell_of(KEY))
    on = client.world.map.sets[0]
    for data_id in () if found is None else found.value.data_ids:
        there = sum((KEY, data_id) in machine.shards for machine in client.world.machines)
        assert there >= on.quorums.data, f"a value names data of {there} shards"


Schedule = Callable[[World], Coroutine[Any, Any, None]]
