"""What the admin API needs of a node, and the values it shows.

Owns      the Protocols `Control` and `Vitals` and the JSON shapes of the API: the members of these
          structs are the members of the documents, stable for scripts.
Does not  implement them: the composition root does.
Errors    methods raise StoreError only; api.py turns families into status codes.
Units     `_ns` nanoseconds since 1970, `_s` seconds, `_bytes` bytes; 0 stands for "not known" in
          `total`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Protocol

import msgspec

from atoll.config.credentials import KeyPair
from atoll.config.explain import SettingRow


class SetView(msgspec.Struct, frozen=True, kw_only=True):
    """One erasure set: its geometry and how many of its drives vote."""

    index: int
    drives: int
    data: int
    parity: int
    write_quorum: int
    read_quorum: int
    voting: int


class StatusView(msgspec.Struct, frozen=True, kw_only=True):
    """The node in one document."""

    version: str
    cluster_id: str
    epoch: int
    region: str
    uptime_s: float
    is_ready: bool
    #: Why the node is not ready, or what is degraded; empty when all is well.
    reason: str
    sets: tuple[SetView, ...]
    drives_total: int
    drives_ok: int
    raw_bytes: int
    free_bytes: int
    #: Keys or data ids waiting for heal.
    heal_queue: int
    requests_in_flight: int


class DriveView(msgspec.Struct, frozen=True, kw_only=True):
    """One drive. `state` is ok, blank, poisoned or missing."""

    drive_id: str
    path: str
    metadata_path: str
    state: str
    reason: str
    total_bytes: int
    free_bytes: int
    is_full: bool
    records: int
    sets: tuple[int, ...]


class JobKind(StrEnum):
    """What a job does."""

    HEAL = "heal"
    SCRUB = "scrub"
    SCAN = "scan"
    REBUILD = "rebuild"


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


#: States that a job never leaves.
FINAL_STATES: Final = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """One job and its progress. `done` of `total` counts keys."""

    job_id: str
    kind: JobKind
    state: JobState
    #: `bucket/prefix`, a drive, or empty for everything.
    target: str
    done: int
    total: int
    done_bytes: int
    #: Keys or shards found wrong or missing.
    damaged: int
    repaired: int
    #: What could not be repaired.
    failed: int
    started_ns: int
    updated_ns: int
    message: str = ""


class HealRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to heal. `verify` reads every byte; otherwise only presence and headers are checked."""

    bucket: str = ""
    prefix: str = ""
    verify: bool = False


class RotateRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new root pair; both empty: the node generates one."""

    access_key: str = ""
    secret_key: str = ""

    def __repr__(self) -> str:
        return f"RotateRequest(access_key={self.access_key!r}, secret_key=<hidden>)"


class RotateView(msgspec.Struct, frozen=True, kw_only=True):
    """What a rotation did. The secret is in the files, never in an answer."""

    access_key: str
    generation: int
    written: tuple[str, ...]
    failed: tuple[str, ...]


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether requests can be served, and why not."""

    is_ready: bool
    reason: str = ""


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """What a node tells once it serves; the command line prints it."""

    version: str
    #: URLs of the addresses in fact bound, with the ports the system chose.
    endpoints: tuple[str, ...]
    region: str
    #: A file that holds the root pair; None where the configuration supplies it.
    credentials_path: str | None
    drives: int
    #: One sentence each: several drives on one file system, a drive being rebuilt …
    warnings: tuple[str, ...] = ()


class Control(Protocol):
    """The commands of the admin API. Called from the event loop; each is safe to repeat."""

    async def status(self) -> StatusView:
        """Return the state of the node."""
        ...

    async def drives(self) -> tuple[DriveView, ...]:
        """Return all drives in the order of the configuration."""
        ...

    async def start_heal(self, request: HealRequest) -> JobView:
        """Start a heal; an equal one that runs already is returned instead.

        Raises
            BucketNotFound: the bucket does not exist.
            Throttled: too many jobs run.
        """
        ...

    async def start_scrub(self) -> JobView:
        """Start a scrub of all drives; one that runs already is returned instead."""
        ...

    def jobs(self) -> tuple[JobView, ...]:
        """Return the jobs the node remembers, newest first; the number is bounded."""
        ...

    def job(self, job_id: str) -> JobView:
        """Return one job.

        Raises
            NotFound: the node knows no such job.
        """
        ...

    async def cancel(self, job_id: str) -> JobView:
        """Ask a job to stop; a finished one is returned as it is.

        Raises
            NotFound: the node knows no such job.
        """
        ...

    async def rotate(self, pair: KeyPair | None) -> RotateView:
        """Replace the root pair; from the answer on the old one is refused.

        Raises
            Conflict: the configuration supplies the pair.
            QuorumLost: too few drives could be written; nothing changed.
        """
        ...

    def settings(self) -> tuple[SettingRow, ...]:
        """Return the configuration in force, secrets masked."""
        ...


class Vitals(Protocol):
    """What health checks and Prometheus ask. Cheap; never raises."""

    def readiness(self) -> Readiness:
        """Return whether requests can be served."""
        ...

    def render_metrics(self) -> bytes:
        """Return all metrics in Prometheus' text format 0.0.4."""
        ...
