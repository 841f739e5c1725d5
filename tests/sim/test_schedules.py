"""Schedules that random search meets rarely, written down: each once ended badly."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import pytest

from atoll.base.errors import (
    BucketNotFound,
    DriveFull,
    OutcomeUnknown,
    PreconditionFailed,
    StorageFull,
)
from atoll.base.ids import Ballot
from atoll.core.quorum.messages import Detail, Record, Restore, Stamp, Value
from atoll.drives.contract import NOTHING_COPIED
from atoll.registers.contract import Change, ScanRange
from atoll.registers.proposer import Lost
from fakes.virtual_loop import run_virtual
from sim.clients import cell_of
from sim.network import Message
from sim.world import KEYS_END, Host, Rules, Shape, World, open_world

KEY = b"b/00000000key"
PREFIX = KEY[:10]
STAMP = Stamp(1, 7, 0)

Check = Callable[[World], Awaitable[None]]


def play(check: Check, *, drives: int = 3, hosts: int = 2, rules: Rules | None = None) -> None:
    """Run a schedule in a quiet world."""

    async def main() -> None:
        shape = Shape(sets=(tuple(range(drives)),), hosts=hosts)
        async with open_world(1, shape, rules) as world:
            world.network.weather.delay_s = 0.001
            await check(world)

    run_virtual(main())


def put(token: bytes) -> Callable[[Value | None], Change]:
    return lambda value: Change(True, token, token)


async def write(host: Host, token: bytes, *, seal_epoch: int = 0) -> Any:
    """Write KEY through a host."""
    return await host.registers.write(cell_of(KEY), put(token), seal_epoch=seal_epoch)


async def read(host: Host) -> bytes | None:
    found = await host.registers.read(cell_of(KEY))
    return found.value.summary if found is not None else None


def only(verb: str, *drives: str) -> Callable[[Message], bool]:
    """Pick requests of a verb to some drives."""
    return lambda message: (
        message.verb == verb and not message.is_answer and message.target in drives
    )


def held(world: World, drive: int) -> Record | None:
    """Return the record a drive holds of KEY."""
    return world.machines[drive].acceptor._records.load(b"\0\0" + KEY, Detail.WHOLE)


# ── reads ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("away", [0, 1, 2])
def test_an_unsettled_record_is_read_while_a_drive_is_away(away: int) -> None:
    async def check(world: World) -> None:
        first, second = world.hosts
        gate = world.network.gate(only("accept", "d0"))
        await write(first, b"a")
        gate.drop()
        gate.is_open = True
        first.crash()
        del second.links[world.machines[away].drive_id]
        assert await read(second) == b"a"

    play(check)


def test_a_page_is_no_longer_than_asked_where_drives_miss_different_records() -> None:
    async def check(world: World) -> None:
        host = world.hosts[0]
        keys = [PREFIX + b"%d" % number for number in range(6)]
        for number, key in enumerate(keys):
            gate = world.network.gate(only("accept", f"d{number % 3}"))
            await host.registers.write(cell_of(key), put(key))
            gate.drop()
            gate.is_open = True
        found: list[bytes] = []
        start: bytes | None = PREFIX
        while start is not None:
            page = await host.registers.scan(ScanRange(start=start, end=b"c", limit=2))
            assert len(page.rows) <= 2
            found += [row.key for row in page.rows]
            start = page.next_start
        assert found == keys

    play(check)


# ── room ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("full", [(0, 1), (0, 3), (2, 3), (1, 2, 3), (0, 1, 2, 3)])
@pytest.mark.parametrize("before", [None, b"a"])
def test_a_write_refused_for_want_of_room_never_comes_back(
    full: tuple[int, ...], before: bytes | None
) -> None:
    async def check(world: World) -> None:
        writer, reader = world.hosts
        if before is not None:
            await write(writer, before)
        for number in full:
            world.machines[number].is_full = True
        large = Change(True, b"refused", b"refused", b"bytes of it")
        with pytest.raises(StorageFull):
            await writer.registers.write(cell_of(KEY), lambda _: large)
        # Whatever a drive with room took of it, nobody reads it: not the one who was refused, not
        # another, and not when there is room again.
        assert await read(reader) == before
        for machine in world.machines:
            machine.is_full = False
        assert await read(writer) == before
        writer.crash()
        assert await read(reader) == before

    play(check, drives=4)


def test_a_delete_waits_for_the_room_that_its_drives_make() -> None:
    async def check(world: World) -> None:
        host, _ = world.hosts
        await write(host, b"a")
        # Even a tombstone finds no room, until the drives have compacted.
        for machine in world.machines:
            machine.kv.next_fault = DriveFull()
        outcome = await host.registers.write(cell_of(KEY), lambda _: Change(False))
        assert outcome.changed
        assert await read(host) is None

    play(check, drives=4)


def test_full_drives_show_what_a_crash_left_undecided() -> None:
    async def check(world: World) -> None:
        writer, reader = world.hosts
        first = writer.registers.members.ordered(world.map.sets[0], KEY)[0]
        others = [str(one.drive_id) for one in world.machines if one.drive_id != first]
        gate = world.network.gate(only("accept", *others))
        writer.run(write(writer, b"undecided"))
        await asyncio.sleep(0.1)
        writer.crash()
        gate.drop()
        gate.open()
        for machine in world.machines:
            machine.is_full = True
        assert await read(reader) == b"undecided"

    play(check, drives=4)


# ── outcomes ───────────────────────────────────────────────────────────────────────────────────


def test_a_retry_that_is_refused_admits_that_the_first_try_may_be_chosen() -> None:
    async def check(world: World) -> None:
        host, _ = world.hosts
        world.network.gate(only("accept", "d1", "d2"))
        calls: list[Value | None] = []

        def decide(value: Value | None) -> Change:
            calls.append(value)
            if len(calls) > 1:
                raise PreconditionFailed(condition="If-Match")
            return Change(True, b"a", b"a")

        with pytest.raises(OutcomeUnknown):
            await host.registers.write(cell_of(KEY), decide)
        assert calls == [None, None]

    play(check)


def test_a_write_refused_by_a_seal_never_comes_back() -> None:
    """One drive took it before the seal; lifting the seal must not bring it to life."""

    async def check(world: World) -> None:
        host, other = world.hosts
        late = world.network.gate(only("seal", "d0"))
        await other.registers.seal(PREFIX, 3)
        with pytest.raises(BucketNotFound):
            await write(host, b"a", seal_epoch=3)
        late.drop()
        await other.registers.seal(PREFIX, 3, lifted=True)
        await write(host, b"b", seal_epoch=4)
        world.machines[1].crash()
        assert await read(other) == b"b"

    play(check)


def test_a_write_refused_by_a_seal_is_outbid_before_its_caller_hears_of_it() -> None:
    async def check(world: World) -> None:
        host, other = world.hosts
        late = world.network.gate(only("seal", "d0"))
        await other.registers.seal(PREFIX, 3)
        slow = world.network.gate(only("prepare", "d0"))
        with pytest.raises(BucketNotFound):
            await write(host, b"a", seal_epoch=3)
        for gate in (late, slow):
            gate.drop()
            gate.is_open = True
        records = [held(world, drive) for drive in range(3)]
        dead = [one for one in records if one is not None and not one.value.live]
        assert len(dead) >= world.map.sets[0].quorums.write
        await other.registers.seal(PREFIX, 3, lifted=True)
        assert await read(other) is None

    play(check)


def test_a_value_that_a_seal_keeps_out_becomes_a_tombstone_at_a_ballot_of_its_own() -> None:
    async def check(world: World) -> None:
        host, other = world.hosts
        late = world.network.gate(only("seal", "d0"))
        await other.registers.seal(PREFIX, 3)
        late.drop()
        proposer = host.registers.proposer
        spot = host.registers.spot(cell_of(KEY))
        prepared = await proposer.prepare(spot, proposer.ballots.issue(0))
        value = Value(proposer.new_write_id(), True, b"a", b"a")
        with pytest.raises(Lost):
            await proposer.accept(spot, prepared, value, seal_epoch=3)
        proposer.unresolved[(0, KEY)] = [prepared.ballot]
        world.network.gate(only("prepare", "d1"))
        tops: dict[Ballot, bytes] = {}
        for kill in (False, True):
            with nullcontext() if kill else pytest.raises(BucketNotFound):
                await proposer.complete(spot, kill_sealed=kill)
            for drive in range(3):
                record = held(world, drive)
                if record is not None:
                    written = tops.setdefault(record.ballot, record.value.write_id)
                    assert written == record.value.write_id
        assert await read(other) is None
        assert not proposer.unresolved

    play(check)


# ── replacement ────────────────────────────────────────────────────────────────────────────────


def test_an_accept_goes_out_in_the_epoch_of_its_prepare() -> None:
    async def check(world: World) -> None:
        host, _ = world.hosts
        gate = world.network.gate(lambda message: message.verb == "prepare" and message.is_answer)
        task = asyncio.get_running_loop().create_task(write(host, b"a"))
        await asyncio.sleep(0.05)
        seen: list[int] = []
        world.network.gate(partial(_note_epoch, seen))
        world.replace(world.machines[0])
        host.map.known = world.map
        for machine in world.machines[1:]:
            await machine.learn_epoch(2)
        gate.open()
        await task
        assert seen[:3] == [1, 1, 1]
        assert set(seen[3:]) == {2}

    play(check)


def _note_epoch(seen: list[int], message: Message) -> bool:
    if message.verb == "accept" and not message.is_answer:
        seen.append(message.request.stamp.epoch)  # type: ignore[attr-defined]
    return False


def test_a_rebuilt_drive_holds_the_seals_of_the_others() -> None:
    async def check(world: World) -> None:
        host, other = world.hosts
        late = world.network.gate(only("seal", "d0"))
        await other.registers.seal(PREFIX, 3)
        late.drop()
        late.is_open = True
        world.replace(world.machines[1])
        host.map.known = other.map.known = world.map
        await world.rebuild(world.machines[1])
        with pytest.raises(BucketNotFound):
            await write(host, b"a", seal_epoch=3)

    play(check)


def test_a_late_page_of_a_rebuild_takes_nothing_back() -> None:
    async def check(world: World) -> None:
        acceptor = world.machines[0].acceptor
        await acceptor.forget_set(0)
        first = Restore(0, [], KEY, STAMP)
        await acceptor.restore(first)
        await acceptor.restore(Restore(0, [], b"", STAMP))
        await acceptor.restore(first)
        assert not acceptor.facts.copied_until
        await acceptor.forget_set(0)
        assert acceptor.facts.copied_until == {0: NOTHING_COPIED}

    play(check)


def test_a_late_page_of_a_rebuild_brings_no_record_to_a_drive_that_votes() -> None:
    """It promised higher ballots since, without having shown that record."""

    async def check(world: World) -> None:
        host = world.hosts[0]
        await write(host, b"a")
        old = held(world, 1)
        assert old is not None
        machine = world.machines[0]
        world.replace(machine)
        for one in world.hosts:
            one.map.known = world.map
        on = world.map.sets[0]
        late = Restore(0, [(KEY, old)], KEYS_END, Stamp(2, 7, 0))
        await host.registers.repairer.copy_page(on, machine.drive_id, b"\0", b"a", 10)
        while machine.acceptor.facts.copied_until:
            start = machine.acceptor.facts.copied_until[0]
            await host.registers.repairer.copy_page(on, machine.drive_id, start, b"b/", 10)
        assert held(world, 0) is None
        await machine.acceptor.restore(late)
        assert held(world, 0) is None

    play(check)
