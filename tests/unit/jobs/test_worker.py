"""The runner: paces, retries, ends and shows workers."""

import asyncio
import logging

import pytest

from atoll.base.errors import QuorumLost
from atoll.jobs.worker import Budget, Ending, Runner, State, Status


class ScriptedWorker:
    """Answers steps by a script; a last entry repeats."""

    def __init__(self, name, *script):
        self.name = name
        self.script = list(script)
        self.steps = 0
        self.waits = 0
        self.wake = asyncio.Event()

    async def step(self, budget):
        assert isinstance(budget, Budget)
        self.steps += 1
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def wait(self):
        self.waits += 1
        await self.wake.wait()

    def status(self):
        return Status(name=self.name, done=self.steps)


class Ends:
    """Takes down how workers end."""

    def __init__(self):
        self.told = []

    def __call__(self, ending, reason):
        self.told.append((ending, reason))


def run(check, pace=0.0):
    async def main():
        runner = Runner(pace=pace, retry_first_s=0.01)
        task = asyncio.get_running_loop().create_task(runner.run())
        await asyncio.sleep(0)
        try:
            await check(runner)
        finally:
            task.cancel()
            await asyncio.wait([task])

    asyncio.run(main())


async def until(condition):
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never came")


def test_a_worker_is_stepped_until_it_is_done():
    async def check(runner):
        ends = Ends()
        worker = ScriptedWorker("w", State.BUSY, State.BUSY, State.DONE)
        runner.start(worker, on_end=ends)
        await until(lambda: not runner.is_running("w"))
        assert worker.steps == 3
        assert ends.told == [(Ending.DONE, "")]

    run(check)


def test_an_idle_worker_sleeps_until_there_is_work():
    async def check(runner):
        worker = ScriptedWorker("w", State.IDLE, State.DONE)
        runner.start(worker)
        await until(lambda: worker.waits == 1)
        assert worker.steps == 1
        worker.wake.set()
        await until(lambda: not runner.is_running("w"))
        assert worker.steps == 2

    run(check)


def test_a_step_that_fails_is_shown_and_tried_again(caplog):
    async def check(runner):
        worker = ScriptedWorker("w", QuorumLost(), State.IDLE)
        runner.start(worker)
        await until(lambda: runner.error("w"))
        assert [error for _, error in runner.statuses()] == [str(QuorumLost())]
        await until(lambda: worker.waits == 1)
        assert runner.error("w") == ""

    with caplog.at_level(logging.WARNING):
        run(check)
    assert "job w" in caplog.text


def test_a_bug_ends_one_worker_and_no_other(caplog):
    async def check(runner):
        ends = Ends()
        good = ScriptedWorker("good", State.IDLE, State.DONE)
        runner.start(good)
        runner.start(ScriptedWorker("bad", ZeroDivisionError("no")), on_end=ends)
        await until(lambda: ends.told)
        assert ends.told == [(Ending.FAILED, "ZeroDivisionError('no')")]
        assert not runner.is_running("bad")
        good.wake.set()
        await until(lambda: not runner.is_running("good"))

    with caplog.at_level(logging.ERROR):
        run(check)
    assert "job bad failed" in caplog.text


def test_a_stopped_worker_is_told_once_and_forgotten():
    async def check(runner):
        ends = Ends()
        runner.start(ScriptedWorker("w", State.IDLE), on_end=ends)
        await asyncio.sleep(0)
        runner.stop("w")
        runner.stop("w")
        await asyncio.sleep(0)
        assert ends.told == [(Ending.CANCELLED, "")]
        assert not runner.is_running("w")
        runner.start(ScriptedWorker("w", State.DONE))

    run(check)


def test_workers_added_early_start_with_the_runner_and_end_with_it():
    async def main():
        runner = Runner(pace=0.0)
        ends = Ends()
        worker = ScriptedWorker("w", State.IDLE)
        runner.start(worker, on_end=ends)
        task = asyncio.get_running_loop().create_task(runner.run())
        await until(lambda: worker.waits == 1)
        task.cancel()
        await asyncio.wait([task])
        assert ends.told == [(Ending.CANCELLED, "")]

    asyncio.run(main())


def test_a_busy_worker_rests_by_its_pace():
    class Timed(ScriptedWorker):
        async def step(self, budget):
            await asyncio.sleep(0.005)
            return await super().step(budget)

    async def check(runner):
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        runner.start(Timed("w", State.BUSY, State.BUSY, State.DONE), pace=4.0)
        await until(lambda: not runner.is_running("w"))
        assert loop.time() - began_s > 0.005 * (3 + 2 * 4) * 0.9

    run(check)


def test_two_workers_of_one_name_are_our_mistake():
    async def check(runner):
        runner.start(ScriptedWorker("w", State.IDLE))
        with pytest.raises(AssertionError):
            runner.start(ScriptedWorker("w", State.IDLE))

    run(check)
