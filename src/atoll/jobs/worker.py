"""The Worker contract and the runner that paces, retries, shows and stops all workers.

Worker    one bounded unit of work per `step`; a worker keeps its own place between steps.
Pace      after a step that took t seconds the runner sleeps `pace` × t, so that a worker uses at most 1 / (1 + pace) of
          one drive's or core's time, whatever the machine.
Failure   a StoreError in a step is noted in the status and the step is tried again after a pause that doubles.
Tasks     one per worker, in the runner's own task group. Idle workers sleep in `wait`; they never tick.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from enum import Enum
from typing import Final, Protocol

import msgspec

from atoll.base.errors import StoreError

_LOG: Final = logging.getLogger(__name__)

_RETRY_FIRST_S: Final = 0.5
_RETRY_MAX_S: Final = 60.0


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


class Runner:
    """Runs workers until they are done or the runner is closed."""

    def __init__(self, *, pace: float, budget: Budget | None = None) -> None:
        self._pace = pace
        self._budget = budget or Budget()
        self._workers: dict[str, Worker] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._errors: dict[str, str] = {}
        self._group: asyncio.TaskGroup | None = None
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Own the workers' tasks, until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for name in self._workers:
                self._launch(name)
            await self._stopping.wait()

    def start(self, worker: Worker, *, pace: float | None = None) -> None:
        """Add a worker and start it, now or when the runner runs."""
        name = worker.name
        assert name not in self._workers, f"worker {name} runs already"
        self._workers[name] = worker
        if self._group is not None:
            self._launch(name, pace)

    def stop(self, name: str) -> None:
        """Cancel a worker and forget it. Unknown names are ignored."""
        self._workers.pop(name, None)
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()

    def is_running(self, name: str) -> bool:
        """Return whether a worker of this name is not done."""
        return name in self._workers

    def statuses(self) -> Iterator[tuple[Status, str]]:
        """Return each worker's status and its last error (empty: none)."""
        for name, worker in self._workers.items():
            yield worker.status(), self._errors.get(name, "")

    def _launch(self, name: str, pace: float | None = None) -> None:
        assert self._group is not None
        chosen = self._pace if pace is None else pace
        task = self._group.create_task(self._drive(self._workers[name], chosen))
        self._tasks[name] = task

    async def _drive(self, worker: Worker, pace: float) -> None:
        """Step one worker to its end."""
        loop = asyncio.get_running_loop()
        retry_s = _RETRY_FIRST_S
        name = worker.name
        try:
            while True:
                began_s = loop.time()
                try:
                    state = await worker.step(self._budget)
                except StoreError as exc:
                    if self._errors.get(name) != str(exc):
                        _LOG.warning("job %s: %s", name, exc)
                    self._errors[name] = str(exc)
                    await asyncio.sleep(retry_s)
                    retry_s = min(retry_s * 2, _RETRY_MAX_S)
                    continue
                retry_s = _RETRY_FIRST_S
                self._errors.pop(name, None)
                if state is State.DONE:
                    return
                if state is State.IDLE:
                    await worker.wait()
                else:
                    await asyncio.sleep((loop.time() - began_s) * pace)
        finally:
            if self._workers.get(name) is worker:
                del self._workers[name]
            self._tasks.pop(name, None)
