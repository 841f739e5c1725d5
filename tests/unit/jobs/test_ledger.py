"""The ledger of jobs."""

import asyncio

import pytest

from atoll.base.errors import NotFound, Throttled
from atoll.jobs.ledger import REMEMBERED_MAX, RUNNING_MAX, JobPhase, Ledger
from atoll.jobs.worker import Runner, State, Status
from fakes.entropy import CountingEntropy, StepClock


class Job:
    """A worker that ends when told."""

    def __init__(self, name):
        self.name = name
        self.goal = asyncio.Event()
        self.is_broken = False

    async def step(self, _):
        await self.goal.wait()
        if self.is_broken:
            raise ValueError("broken")
        return State.DONE

    async def wait(self):
        raise AssertionError("never idle")

    def status(self):
        return Status(name=self.name, done=3, total=9, damaged=2, repaired=1, message="on it")


def run(check):
    async def main():
        runner = Runner(pace=0.0)
        task = asyncio.get_running_loop().create_task(runner.run())
        await asyncio.sleep(0)
        try:
            await check(Ledger(runner, StepClock(), CountingEntropy()))
        finally:
            task.cancel()
            await asyncio.wait([task])

    asyncio.run(main())


async def end(ledger, job_id, worker):
    worker.goal.set()
    for _ in range(20):
        await asyncio.sleep(0)
    assert ledger.job(job_id).phase is not JobPhase.RUNNING


def start(ledger, kind="heal", target=""):
    made = []

    def make(job_id):
        made.append(Job(job_id))
        return made[0]

    return ledger.start(kind, make, target=target), made


def test_a_job_is_shown_from_its_start_to_behind_its_end():
    async def check(ledger):
        job, made = start(ledger, target="bucket/prefix")
        assert (job.kind, job.target, job.phase) == ("heal", "bucket/prefix", JobPhase.RUNNING)
        assert (job.status.done, job.status.total, job.message) == (3, 9, "on it")
        await end(ledger, job.job_id, made[0])
        done = ledger.job(job.job_id)
        assert (done.phase, done.status.repaired) == (JobPhase.DONE, 1)
        assert done.started_ns < done.updated_ns == ledger.job(job.job_id).updated_ns

    run(check)


def test_an_equal_running_job_is_returned_instead():
    async def check(ledger):
        first, made = start(ledger, target="a")
        again, not_made = start(ledger, target="a")
        other, _ = start(ledger, target="b")
        assert (again.job_id, not_made) == (first.job_id, [])
        assert other.job_id != first.job_id
        await end(ledger, first.job_id, made[0])
        fresh, _ = start(ledger, target="a")
        assert fresh.job_id != first.job_id

    run(check)


def test_ids_sort_by_time_and_the_newest_is_listed_first():
    async def check(ledger):
        ids = [start(ledger, target=str(number))[0].job_id for number in range(5)]
        assert ids == sorted(ids)
        assert [job.job_id for job in ledger.jobs()] == ids[::-1]

    run(check)


def test_a_cancelled_job_stays_cancelled():
    async def check(ledger):
        job, _ = start(ledger)
        assert ledger.cancel(job.job_id).phase is JobPhase.CANCELLED
        assert ledger.cancel(job.job_id).phase is JobPhase.CANCELLED

    run(check)


def test_a_bug_in_a_job_is_its_message(caplog):
    async def check(ledger):
        job, made = start(ledger)
        made[0].is_broken = True
        await end(ledger, job.job_id, made[0])
        assert ledger.job(job.job_id).phase is JobPhase.FAILED
        assert "broken" in ledger.job(job.job_id).message

    run(check)
    assert "broken" in caplog.text


def test_what_is_remembered_and_what_runs_is_bounded():
    async def check(ledger):
        first, _ = start(ledger, target="first")
        for number in range(REMEMBERED_MAX + 5):
            job, made = start(ledger, target=str(number))
            await end(ledger, job.job_id, made[0])
        assert len(ledger.jobs()) == REMEMBERED_MAX + 1
        assert ledger.job(first.job_id).phase is JobPhase.RUNNING
        for number in range(RUNNING_MAX - 1):
            start(ledger, target=f"more {number}")
        with pytest.raises(Throttled):
            start(ledger, target="one too many")

    run(check)


def test_an_unknown_job_is_not_found():
    async def check(ledger):
        for call in (ledger.job, ledger.cancel):
            with pytest.raises(NotFound):
                call("nobody")

    run(check)
