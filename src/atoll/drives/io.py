"""The one door for blocking work: threads, a bounded queue, and futures on the event loop.

Owns      every thread that drives and CPU work run in. Two `WorkThreads` per drive (commits and
          files), so that a drive that hangs holds up nobody else, and one for hashing and
          encoding.
Does not  order jobs, or time them out: a job that began runs to its end, because a disk operation
          cannot be called back. Cancelling the future only loses the answer.
Cost      a hand-off is two switches of threads, so callers put whole batches into one job. Answers
          that arrive together wake the loop once.
Errors    what a job raises reaches its future; `drive_fault` turns an OSError into a DriveFault.
"""

from __future__ import annotations

import asyncio
import errno
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final, Protocol, TypeVar

from atoll.base.errors import DriveFault, DriveFull, DriveIo, DriveMissing, DriveReadOnly, DriveSlow

T = TypeVar("T")

#: Enough to keep a device's queue busy with large reads and writes.
THREADS_MAX: Final = 4
#: Jobs that may wait. A drive so far behind is taken for slow.
BACKLOG_MAX: Final = 1024
#: How long `close` waits for jobs in flight; threads of a hung drive are left to the process's end.
CLOSE_WITHIN_S: Final = 10.0

_FAULTS: Final[dict[int | None, type[DriveFault]]] = {
    errno.ENOSPC: DriveFull,
    errno.EDQUOT: DriveFull,
    errno.EROFS: DriveReadOnly,
    # A directory of the drive is gone: unmounted, or wiped under the running process.
    errno.ENOENT: DriveMissing,
    errno.ENODEV: DriveMissing,
    errno.ENXIO: DriveMissing,
    # Out of file descriptors: the drive is well, the process is at a limit that passes.
    errno.EMFILE: DriveSlow,
    errno.ENFILE: DriveSlow,
}


def drive_fault(error: OSError) -> DriveFault:
    """Return the fault of a drive that an error of the operating system means."""
    kind = _FAULTS.get(error.errno, DriveIo)
    return kind(errno=error.errno, reason=error.strerror or str(error))


class Work(Protocol):
    """Does blocking work off the loop. `WorkThreads` in production, inline in the simulation."""

    def run(self, job: Callable[[], T]) -> asyncio.Future[T]:
        """Queue a job; the future carries what it returns or raises. Raises DriveSlow."""
        ...


class WorkThreads:
    """Threads that do blocking work for one event loop; started when there is work for them."""

    def __init__(
        self, name: str, *, threads_max: int = THREADS_MAX, backlog_max: int = BACKLOG_MAX
    ) -> None:
        self._name = name
        self._threads_max = threads_max
        self._backlog_max = backlog_max
        self._jobs: SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]] | None] = (
            SimpleQueue()
        )
        self._threads: list[threading.Thread] = []
        #: Finished jobs that the loop has not seen. Appended by threads, drained by the loop.
        self._done: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._is_waking = False
        self._in_flight = 0
        self._idle: asyncio.Future[None] | None = None
        self._closed = False

    @property
    def in_flight(self) -> int:
        """Return the number of jobs that wait or run."""
        return self._in_flight

    def run(self, job: Callable[[], T]) -> asyncio.Future[T]:
        """Queue a job; the future carries what it returns or raises.

        Raises
            DriveSlow: too many jobs wait, or the threads are closed.
        """
        if self._closed:
            raise DriveSlow("The drive is being closed.", drive=self._name)
        if self._in_flight >= self._backlog_max + len(self._threads):
            raise DriveSlow("Too many jobs wait for the drive.", drive=self._name)
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._in_flight += 1
        if len(self._threads) < min(self._threads_max, self._in_flight):
            self._start_thread()
        self._jobs.put((job, future))
        return future

    async def close(self, within_s: float = CLOSE_WITHIN_S) -> None:
        """Refuse new jobs, wait for those in flight, end the threads."""
        self._closed = True
        if self._in_flight:
            loop = asyncio.get_running_loop()
            self._idle = loop.create_future()
            timer = loop.call_later(within_s, self._become_idle)
            try:
                await self._idle
            finally:
                timer.cancel()
                self._idle = None
        for _ in self._threads:
            self._jobs.put(None)
        if not self._in_flight:
            for thread in self._threads:
                thread.join()
        self._threads.clear()

    def _start_thread(self) -> None:
        name = f"{self._name}-{len(self._threads)}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        """Do jobs until told to stop. Runs in a thread of its own."""
        while (entry := self._jobs.get()) is not None:
            job, future = entry
            result: Any = None
            failure: BaseException | None = None
            try:
                result = job()
            except BaseException as exc:  # noqa: BLE001 (carried to the job's future, like a call)
                failure = exc
            self._done.append((future, result, failure))
            # The frame outlives the job while the thread waits; it must not keep buffers alive.
            del entry, job, result, failure
            # The loop clears the mark before it drains, so an answer appended under a set mark is
            # seen; two threads that both find it clear wake the loop twice, which is harmless.
            if not self._is_waking:
                self._is_waking = True
                self._wake_loop(future)
            del future

    def _wake_loop(self, future: asyncio.Future[Any]) -> None:
        try:
            future.get_loop().call_soon_threadsafe(self._deliver)
        except RuntimeError:
            # The loop ended without waiting for its drives; nobody is left to tell.
            self._is_waking = False

    def _deliver(self) -> None:
        self._is_waking = False
        while self._done:
            future, result, failure = self._done.popleft()
            self._in_flight -= 1
            if future.cancelled():
                continue
            if failure is None:
                future.set_result(result)
            else:
                future.set_exception(failure)
        if not self._in_flight:
            self._become_idle()

    def _become_idle(self) -> None:
        if self._idle is not None and not self._idle.done():
            self._idle.set_result(None)
