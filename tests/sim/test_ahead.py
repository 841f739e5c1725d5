"""A record whose ballot lies ahead of the reader's clock is read at once all the same.

Clocks of proposers may be wrong, and a node that dies soon after its start, again and again, pushes
its ballots ahead of all clocks: each start begins above a floor that lies two seconds ahead.
"""

from __future__ import annotations

import asyncio

from fakes.virtual_loop import run_virtual
from sim.clients import Client
from sim.network import Message
from sim.world import Shape, World, finish, open_world

KEY = b"b/00000000k"
#: Rounds are some milliseconds; a reader waits 0.1 s for a young record, and completes it.
_SOON_S = 1.0


async def _leave_undecided(world: World, writer: Client) -> None:
    """Have a write reach the drive that reads ask first, and no other, and its proposer die."""
    on = world.map.set_of(KEY)
    first = writer.host.registers.members.ordered(on, KEY)[0]

    def is_to_others(message: Message) -> bool:
        return message.verb == "accept" and not message.is_answer and message.target != first

    gate = world.network.gate(is_to_others)
    writer.host.run(writer.put(KEY))
    await asyncio.sleep(0.2)
    assert len(gate.held) == 3
    writer.host.crash()
    gate.drop()
    gate.open()


async def _read_soon(world: World, reader: Client) -> None:
    began_s = world.loop.time()
    reading = reader.host.run(reader.read(KEY))
    assert await finish(reading, limit_s=_SOON_S), "the read waits for the clock"
    assert world.loop.time() - began_s < _SOON_S
    assert not isinstance(reading.result(), Exception)


def test_a_record_of_a_clock_that_is_ahead_is_completed_at_once() -> None:
    async def main() -> None:
        async with open_world(1, Shape(sets=((0, 1, 2, 3),), hosts=2)) as world:
            ahead, reader = (Client(world, host) for host in world.hosts)
            ahead.host.clock.skew_s = 3600.0
            await _leave_undecided(world, ahead)
            await _read_soon(world, reader)
            world.history.check()

    run_virtual(main())


def test_a_node_that_starts_over_and_over_reads_at_once() -> None:
    async def main() -> None:
        async with open_world(2, Shape(sets=((0, 1, 2, 3),), hosts=1)) as world:
            client = Client(world, world.hosts[0])
            for _ in range(30):
                await client.host.run(client.put(KEY))
                world.power_cut()
            await _leave_undecided(world, client)
            client.host.restart()
            await _read_soon(world, client)
            world.history.check()

    run_virtual(main())
