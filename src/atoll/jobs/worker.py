"""The Worker contract and the runner that paces, retries, shows and stops all workers.

Worker    one bounded unit of work per `step`; a worker keeps its own place between steps.
Pace      after a step that took t seconds the runner sleeps `pace` × t, so that a worker uses at
          most 1 / (1 + pace) of one drive's or core's time, whatever the machine.
Failure   a StoreError in a step is noted in the status and the step is tried again after a pause
          that doubles. Anything else is our bug: the worker ends, the others and the node go on.
Tasks     one per worker, in the runner's own task group. Idle workers sleep in `wait`; they never
          tick.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from enum import Enum, StrEnum
from typing import Final, Protocol

import msgspec

from atoll.base.errors import StoreError

_LOG: Final = logging.getLogger(__name__)

RETRY_FIRST_S: Final = 0.5
RETRY_MAX_S: Final = 60.0


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """How much one step may do at most."""

    rows: int = 256
    size_bytes: int = 16 << 20


class State(Enum):
    """What a step says."""

    #: There is more to do now.
    BUSY = "busy"
    #: Nothing to do until `wait` returns.
    IDLE = "idle"
    #: Never again anything to do.
    DONE = "done"


class Ending(StrEnum):
    """How a worker ended."""

    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What people see of a worker. `total` 0: not known. Counts are since the worker began."""

    name: str
    queued: int = 0
    done: int = 0
    total: int = 0
    done_bytes: int = 0
    damaged: int = 0
    repaired: int = 0
    failed: int = 0
    message: str = ""


class Worker(Protocol):
    """One kind of background work."""

    @property
    def name(self) -> str:
        """Return the worker's name; unique in a runner."""
        ...

    async def step(self, budget: Budget) -> State:
        """Do one bounded unit. May be cancelled at any await and called again; idempotent."""
        ...

    async def wait(self) -> None:
        """Return when there may be work. Cancellable anywhere."""
        ...

    def status(self) -> Status:
        """Return progress. Never blocks, never raises."""
        ...


#: Told once how a worker ended, and why it failed. Must not raise.
OnEnd = Callable[[Ending, str], None]


class _Run:
    """One worker of a runner."""

    __slots__ = ("error", "on_end", "pace", "task", "worker")

    def __init__(self, worker: Worker, pace: float, on_end: OnEnd | None) -> None:
        self.worker = worker
        self.pace = pace
        self.on_end = on_end
        self.task: asyncio.Task[None] | None = None
        #: Why the last step failed; empty when it did not.
        self.error = ""

    def end(self, ending: Ending, reason: str = "") -> None:
        """Tell whoever wants to know; once."""
        on_end, self.on_end = self.on_end, None
        if on_end is not None:
            on_end(ending, reason)


class Runner:
    """Runs workers until they are done or the runner is closed."""

    def __init__(
        self, *, pace: float, budget: Budget | None = None, retry_first_s: float = RETRY_FIRST_S
    ) -> None:
        self._pace = pace
        self._retry_first_s = retry_first_s
        self._budget = budget or Budget()
        self._runs: dict[str, _Run] = {}
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Own the workers' tasks, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for run in self._runs.values():
                    run.task = group.create_task(self._drive(run))
                # Tasks come and go; the group itself lives until it is cancelled.
                await asyncio.Event().wait()
        finally:
            self._group = None

    def start(
        self, worker: Worker, *, pace: float | None = None, on_end: OnEnd | None = None
    ) -> None:
        """Add a worker and start it, now or when the runner runs."""
        name = worker.name
        assert name not in self._runs, f"worker {name} runs already"
        run = self._runs[name] = _Run(worker, self._pace if pace is None else pace, on_end)
        if self._group is not None:
            run.task = self._group.create_task(self._drive(run))

    def stop(self, name: str) -> None:
        """Cancel a worker and forget it. Unknown names are ignored."""
        run = self._runs.pop(name, None)
        if run is None:
            return
        if run.task is not None:
            run.task.cancel()
        run.end(Ending.CANCELLED)

    def is_running(self, name: str) -> bool:
        """Return whether a worker of this name is not done."""
        return name in self._runs

    def statuses(self) -> Iterator[tuple[Status, str]]:
        """Iterate over each worker's status and why its last step failed (empty: it did not)."""
        for run in self._runs.values():
            yield run.worker.status(), run.error

    def error(self, name: str) -> str:
        """Return why a worker's last step failed; empty when it did not."""
        run = self._runs.get(name)
        return "" if run is None else run.error

    async def _drive(self, run: _Run) -> None:
        """Step one worker to its end."""
        name = run.worker.name
        try:
            await self._repeat(run)
        except asyncio.CancelledError:
            run.end(Ending.CANCELLED)
            raise
        except Exception as exc:  # noqa: BLE001 (boundary: a bug ends one worker, not the node)
            _LOG.error("job %s failed: %r", name, exc, exc_info=exc)
            run.end(Ending.FAILED, repr(exc))
        else:
            run.end(Ending.DONE)
        finally:
            if self._runs.get(name) is run:
                del self._runs[name]

    async def _repeat(self, run: _Run) -> None:
        loop = asyncio.get_running_loop()
        worker = run.worker
        retry_s = self._retry_first_s
        while True:
            began_s = loop.time()
            try:
                state = await worker.step(self._budget)
            except StoreError as exc:
                if run.error != str(exc):
                    _LOG.warning("job %s: %s", worker.name, exc)
                run.error = str(exc)
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, RETRY_MAX_S)
                continue
            retry_s = self._retry_first_s
            run.error = ""
            if state is State.DONE:
                return
            if state is State.IDLE:
                await worker.wait()
            else:
                await asyncio.sleep((loop.time() - began_s) * run.pace)
