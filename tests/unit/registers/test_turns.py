"""Turns go round in order, and nobody waits for ever."""

from __future__ import annotations

import asyncio

import pytest

from atoll.base.errors import Contended
from atoll.registers.turns import Turns
from fakes.virtual_loop import run_virtual

KEY = b"k"


def test_turns_are_taken_in_the_order_of_asking() -> None:
    async def main() -> None:
        turns = Turns(5.0)
        order: list[int] = []

        async def write(number: int) -> None:
            await turns.take(KEY)
            order.append(number)
            await asyncio.sleep(1.0)
            turns.give(KEY)

        async with asyncio.TaskGroup() as tasks:
            for number in range(4):
                tasks.create_task(write(number))
        assert order == [0, 1, 2, 3]
        assert not turns.is_taken(KEY)

    run_virtual(main())


def test_who_waits_too_long_is_told_and_takes_nobodys_turn() -> None:
    async def main() -> None:
        turns = Turns(5.0)
        loop = asyncio.get_running_loop()
        await turns.take(KEY)
        began_s = loop.time()
        with pytest.raises(Contended):
            await turns.take(KEY)
        assert loop.time() - began_s == pytest.approx(5.0)
        assert turns.is_taken(KEY)
        turns.give(KEY)
        assert not turns.is_taken(KEY)

    run_virtual(main())


def test_a_turn_that_comes_at_the_last_moment_is_passed_on() -> None:
    async def main() -> None:
        turns = Turns(5.0)
        await turns.take(KEY)

        async def wait() -> bool:
            try:
                await turns.take(KEY)
            except Contended:
                return False
            turns.give(KEY)
            return True

        loop = asyncio.get_running_loop()
        # In the very turn of the loop in which the wait ends, before and behind its timer.
        for moment_s in (5.0, 5.0 - 1e-9, 5.0 + 1e-9):
            loop.call_at(loop.time() + moment_s, turns.give, KEY)
            waiting = loop.create_task(wait())
            await asyncio.sleep(6.0)
            await waiting
            assert turns.try_take(KEY), "the turn was lost"

    run_virtual(main())


def test_a_queue_has_an_end() -> None:
    async def main() -> None:
        turns = Turns(5.0, waiting_max=1)
        await turns.take(KEY)
        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(turns.take(KEY))
            await asyncio.sleep(0)
            with pytest.raises(Contended):
                await turns.take(KEY)
            turns.give(KEY)
        assert first.done()

    run_virtual(main())
