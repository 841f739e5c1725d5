"""What people and machines ask of a node: status, drives, jobs, rotation, readiness, metrics.

Implements admin.control.Control and Vitals over a Node.
"""

from __future__ import annotations

import asyncio
from importlib.metadata import version

from atoll.admin.control import (
    DriveView,
    HealRequest,
    JobKind,
    JobState,
    JobView,
    Readiness,
    RotateView,
    SetView,
    StatusView,
)
from atoll.config.credentials import KeyPair
from atoll.config.explain import SettingRow, explain
from atoll.drives.contract import DriveState
from atoll.jobs.ledger import Job
from atoll.node.build import Node


class NodeControl:
    """The controls of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._started_s = node.clock.monotonic_s()

    async def status(self) -> StatusView:
        """Return the state of the node."""
        node = self._node
        made = node.roster.current()
        drives = await self.drives()
        ready = self.readiness()
        states = {drive.drive_id: drive.state for drive in drives}
        return StatusView(
            version=version("atoll"),
            cluster_id=made.cluster_id,
            epoch=made.epoch,
            region=node.configuration.settings.region,
            uptime_s=node.clock.monotonic_s() - self._started_s,
            is_ready=ready.is_ready,
            reason=ready.reason,
            sets=tuple(
                SetView(
                    index=on.index,
                    drives=len(on.drives),
                    data=on.quorums.data,
                    parity=on.quorums.parity,
                    write_quorum=on.quorums.write,
                    read_quorum=on.quorums.read,
                    voting=sum(states.get(drive_id) == DriveState.OK for drive_id in on.drives),
                )
                for on in made.sets
            ),
            drives_total=len(drives),
            drives_ok=sum(drive.state == DriveState.OK for drive in drives),
            raw_bytes=sum(drive.total_bytes for drive in drives),
            free_bytes=sum(drive.free_bytes for drive in drives),
            heal_queue=node.heal_queue(),
            requests_in_flight=node.load.in_flight,
        )

    async def drives(self) -> tuple[DriveView, ...]:
        """Return all drives in the order of the configuration."""
        node = self._node
        made = node.roster.current()
        views = []
        for drive in node.roster.drives.values():
            found = await drive.status()
            views.append(
                DriveView(
                    drive_id=found.drive_id,
                    path=found.path,
                    metadata_path=found.metadata_path,
                    state=found.state,
                    reason=found.reason,
                    total_bytes=found.total_bytes,
                    free_bytes=found.free_bytes,
                    is_full=found.is_full,
                    records=found.records,
                    sets=tuple(on.index for on in made.sets if found.drive_id in on.drives),
                )
            )
        for gone in node.roster.absent:
            views.append(
                DriveView(
                    drive_id=gone.drive_id or "",
                    path=str(gone.place.path),
                    metadata_path=str(gone.place.metadata_path),
                    state=DriveState.MISSING,
                    reason=gone.reason,
                    total_bytes=0,
                    free_bytes=0,
                    is_full=False,
                    records=0,
                    sets=tuple(on.index for on in made.sets if gone.drive_id in on.drives),
                )
            )
        return tuple(views)

    async def start_heal(self, request: HealRequest) -> JobView:
        """Start a heal."""
        started = await self._node.upkeep.start_heal(
            bucket=request.bucket, prefix=request.prefix, verify=request.verify
        )
        return _show(started)

    async def start_scrub(self) -> JobView:
        """Start a scrub."""
        return _show(await self._node.upkeep.start_scrub())

    def jobs(self) -> tuple[JobView, ...]:
        """Return the jobs the node remembers."""
        return tuple(_show(job) for job in self._node.upkeep.ledger.jobs())

    def job(self, job_id: str) -> JobView:
        """Return one job."""
        return _show(self._node.upkeep.ledger.job(job_id))

    async def cancel(self, job_id: str) -> JobView:
        """Cancel a job."""
        return _show(self._node.upkeep.ledger.cancel(job_id))

    async def rotate(self, pair: KeyPair | None) -> RotateView:
        """Replace the root pair."""
        done = await asyncio.to_thread(self._node.credentials.rotate, pair)
        return RotateView(
            access_key=done.access_key,
            generation=done.generation,
            written=done.written,
            failed=done.failed,
        )

    def settings(self) -> tuple[SettingRow, ...]:
        """Return the configuration in force."""
        return explain(self._node.configuration)

    # ── vitals ─────────────────────────────────────────────────────────────────────────────────

    def readiness(self) -> Readiness:
        """Return whether every set can be written."""
        node = self._node
        drives = node.roster.drives
        for on in node.roster.current().sets:
            voting = sum(
                drive_id in drives and drives[drive_id].state is DriveState.OK
                for drive_id in on.drives
            )
            if voting < on.quorums.write:
                return Readiness(
                    is_ready=False,
                    reason=f"set {on.index}: {voting} of {len(on.drives)} drives vote, "
                    f"writes need {on.quorums.write}",
                )
        return Readiness(is_ready=True)

    def render_metrics(self) -> bytes:
        """Return all metrics."""
        return self._node.metrics.render()


def _show(job: Job) -> JobView:
    """Return a job as the admin API shows it."""
    status = job.status
    return JobView(
        job_id=job.job_id,
        kind=JobKind(job.kind),
        state=JobState(job.phase),
        target=job.target,
        done=status.done,
        total=status.total,
        done_bytes=status.done_bytes,
        damaged=status.damaged,
        repaired=status.repaired,
        failed=status.failed,
        started_ns=job.started_ns,
        updated_ns=job.updated_ns,
        message=job.message,
    )
