import asyncio
import errno
import threading

import pytest

from atoll.base.errors import DriveFull, DriveIo, DriveMissing, DriveReadOnly, DriveSlow
from atoll.drives.io import WorkThreads, drive_fault


def test_a_job_answers_with_its_result_or_its_error():
    async def main():
        work = WorkThreads("test", threads_max=1)
        assert await work.run(lambda: 5) == 5

        def fail():
            raise DriveIo(errno=5)

        with pytest.raises(DriveIo):
            await work.run(fail)
        await work.close()

    asyncio.run(main())


def test_jobs_run_off_the_loop_and_side_by_side_up_to_the_limit():
    async def main():
        work = WorkThreads("test", threads_max=2)
        both = threading.Barrier(2, timeout=5)
        names = {threading.current_thread().name}

        def meet():
            both.wait()
            return threading.current_thread().name

        first, second = work.run(meet), work.run(meet)
        names |= {await first, await second}
        assert len(names) == 3
        for _ in range(20):
            names.add(await work.run(lambda: threading.current_thread().name))
        assert len(names) == 3
        await work.close()

    asyncio.run(main())


def test_too_many_waiting_jobs_are_refused():
    async def main():
        work = WorkThreads("test", threads_max=1, backlog_max=2)
        gate = threading.Event()
        jobs = [work.run(gate.wait) for _ in range(3)]
        with pytest.raises(DriveSlow):
            work.run(gate.wait)
        gate.set()
        for job in jobs:
            await job
        assert await work.run(lambda: "again") == "again"
        await work.close()

    asyncio.run(main())


def test_a_cancelled_wait_does_not_stop_the_job():
    async def main():
        work = WorkThreads("test", threads_max=1)
        gate, ran = threading.Event(), []
        first = work.run(gate.wait)
        second = work.run(lambda: ran.append(1))
        second.cancel()
        gate.set()
        await first
        await work.close()
        assert ran == [1]

    asyncio.run(main())


def test_closing_waits_for_jobs_and_refuses_new_ones():
    async def main():
        work = WorkThreads("test", threads_max=1)
        ran = []
        job = work.run(lambda: ran.append(1))
        await work.close()
        assert ran == [1]
        assert job.done()
        with pytest.raises(DriveSlow):
            work.run(lambda: None)

    asyncio.run(main())


def test_closing_gives_a_hung_job_up():
    async def main():
        work = WorkThreads("test", threads_max=1)
        gate = threading.Event()
        job = work.run(gate.wait)
        await work.close(within_s=0.01)
        assert not job.done()
        gate.set()
        await job

    asyncio.run(main())


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, DriveFull),
        (errno.EDQUOT, DriveFull),
        (errno.EROFS, DriveReadOnly),
        (errno.ENODEV, DriveMissing),
        (errno.ENOENT, DriveMissing),
        (errno.EMFILE, DriveSlow),
        (errno.EIO, DriveIo),
        (errno.EUCLEAN, DriveIo),
    ],
)
def test_errors_of_the_system_become_faults_of_the_drive(number, kind):
    fault = drive_fault(OSError(number, "said the kernel"))
    assert type(fault) is kind
    assert fault.fields == {"errno": number, "reason": "said the kernel"}
