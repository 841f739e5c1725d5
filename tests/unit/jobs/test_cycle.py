"""Work that is repeated, once in an interval."""

import asyncio

from atoll.jobs.cycle import Cycle, Interval
from atoll.jobs.worker import Budget, State, Status

BUDGET = Budget()


class Countdown:
    """Done after some steps."""

    def __init__(self, name, steps):
        self.name = name
        self.left = steps
        self.done = 0

    async def step(self, _):
        self.left -= 1
        self.done += 1
        return State.BUSY if self.left else State.DONE

    async def wait(self):
        raise AssertionError("never idle")

    def status(self):
        return Status(name=self.name, done=self.done, damaged=1)


def test_rounds_come_after_their_pauses_with_workers_made_anew():
    async def main():
        made = []

        def make_round():
            made.append([Countdown("a", 2), Countdown("b", 1)])
            return made[-1]

        cycle = Cycle("scan", make_round, Interval(first_s=0.01, pause_s=0.01))
        assert await cycle.step(BUDGET) is State.IDLE
        assert made == []
        await cycle.wait()
        states = [await cycle.step(BUDGET) for _ in range(3)]
        assert states == [State.BUSY, State.BUSY, State.IDLE]
        assert (cycle.status().done, cycle.status().damaged, cycle.rounds) == (3, 2, 1)
        assert await cycle.step(BUDGET) is State.IDLE
        await cycle.wait()
        assert await cycle.step(BUDGET) is State.BUSY
        assert len(made) == 2
        assert cycle.status().done == 1

    asyncio.run(main())


def test_an_empty_round_is_a_round():
    async def main():
        cycle = Cycle("none", list, Interval(first_s=0.0, pause_s=60.0))
        assert await cycle.step(BUDGET) is State.IDLE
        assert cycle.rounds == 1

    asyncio.run(main())
