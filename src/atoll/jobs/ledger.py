"""The ledger: jobs that people or the node began, while they run and for a while after.

Owns      job ids, the states of jobs, and what is remembered of finished ones.
Does not  run them (worker.Runner) or know what the admin API shows of them.
Equal     a job of the same kind and target that still runs is returned instead of a second one.
Bounds    `REMEMBERED_MAX` finished jobs and `RUNNING_MAX` running ones.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final

import msgspec

from atoll.base.clock import Clock, Entropy
from atoll.base.errors import NotFound, Throttled
from atoll.base.units import NS_PER_MS
from atoll.jobs.worker import Ending, Runner, Status, Worker

REMEMBERED_MAX: Final = 100
RUNNING_MAX: Final = 32

_RANDOM_BYTES: Final = 4

#: Makes the worker of a job; it takes the job's id for its name.
MakeWorker = Callable[[str], Worker]


class JobPhase(StrEnum):
    """Where a job stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


_PHASES: Final = {
    Ending.DONE: JobPhase.DONE,
    Ending.FAILED: JobPhase.FAILED,
    Ending.CANCELLED: JobPhase.CANCELLED,
}


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One job as it is now. `message` says what is in the way, or why it failed."""

    job_id: str
    kind: str
    target: str
    phase: JobPhase
    status: Status
    started_ns: int
    updated_ns: int
    message: str


class _Entry:
    """What the ledger holds of one job."""

    __slots__ = ("ended_ns", "job_id", "kind", "phase", "reason", "started_ns", "target", "worker")

    def __init__(self, *, job_id: str, kind: str, target: str, started_ns: int) -> None:
        self.job_id = job_id
        self.kind = kind
        self.target = target
        self.started_ns = started_ns
        self.ended_ns = 0
        self.phase = JobPhase.RUNNING
        self.reason = ""
        self.worker: Worker | None = None


class Ledger:
    """All jobs of a node, oldest first."""

    def __init__(self, runner: Runner, clock: Clock, entropy: Entropy) -> None:
        self._runner = runner
        self._clock = clock
        self._entropy = entropy
        self._entries: dict[str, _Entry] = {}
        #: The last status of finished jobs, whose workers are let go.
        self._last: dict[str, Status] = {}

    def start(
        self, kind: str, make: MakeWorker, *, target: str = "", pace: float | None = None
    ) -> Job:
        """Begin a job, or return the equal one that runs.

        Raises
            Throttled: too many jobs run.
        """
        running = [one for one in self._entries.values() if one.phase is JobPhase.RUNNING]
        for entry in running:
            if entry.kind == kind and entry.target == target:
                return self._show(entry)
        if len(running) >= RUNNING_MAX:
            raise Throttled("Too many jobs run.", limit=RUNNING_MAX)
        entry = _Entry(
            job_id=self._new_id(), kind=kind, target=target, started_ns=self._clock.time_ns()
        )
        entry.worker = make(entry.job_id)
        self._entries[entry.job_id] = entry
        self._runner.start(
            entry.worker,
            pace=pace,
            on_end=lambda ending, reason: self._end(entry, ending, reason),
        )
        return self._show(entry)

    def _new_id(self) -> str:
        """Return an id that sorts by time."""
        time_ms = self._clock.time_ns() // NS_PER_MS
        return f"{time_ms:012x}{self._entropy.random_bytes(_RANDOM_BYTES).hex()}"

    def _end(self, entry: _Entry, ending: Ending, reason: str) -> None:
        assert entry.worker is not None, "a job ended twice"
        self._last[entry.job_id] = entry.worker.status()
        entry.worker = None
        entry.phase = _PHASES[ending]
        entry.reason = reason
        entry.ended_ns = self._clock.time_ns()
        finished = [one for one in self._entries.values() if one.phase is not JobPhase.RUNNING]
        for old in finished[: max(0, len(finished) - REMEMBERED_MAX)]:
            del self._entries[old.job_id], self._last[old.job_id]

    def cancel(self, job_id: str) -> Job:
        """Stop a job; one that ended is returned as it is. Raises NotFound."""
        entry = self._find(job_id)
        if entry.worker is not None:
            self._runner.stop(entry.worker.name)
        return self._show(entry)

    def job(self, job_id: str) -> Job:
        """Return one job. Raises NotFound."""
        return self._show(self._find(job_id))

    def jobs(self) -> tuple[Job, ...]:
        """Return all jobs that are remembered, newest first."""
        return tuple(self._show(entry) for entry in reversed(self._entries.values()))

    def _find(self, job_id: str) -> _Entry:
        entry = self._entries.get(job_id)
        if entry is None:
            raise NotFound("There is no such job.", job_id=job_id)
        return entry

    def _show(self, entry: _Entry) -> Job:
        worker = entry.worker
        status = self._last[entry.job_id] if worker is None else worker.status()
        in_the_way = "" if worker is None else self._runner.error(worker.name)
        return Job(
            job_id=entry.job_id,
            kind=entry.kind,
            target=entry.target,
            phase=entry.phase,
            status=status,
            started_ns=entry.started_ns,
            updated_ns=entry.ended_ns or self._clock.time_ns(),
            message=entry.reason or in_the_way or status.message,
        )
