"""Follow a job: progress bar with rate and time left, on standard error.

On a terminal one bar; in a pipe or a log one line every `PLAIN_INTERVAL_S`. Ctrl-C leaves the job
running, since the node runs it, and says how to return to it. A node that does not answer for a
moment is asked again; after `RETRIES_MAX` the command gives up, the job does not.
"""

from __future__ import annotations

from typing import Final

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn

from atoll.admin.control import FINAL_STATES, JobState, JobView
from atoll.base.units import render_duration, render_size
from atoll.cli.client import NodeClient
from atoll.cli.exits import CliFailure, ExitCode
from atoll.cli.output import make_console
from atoll.cli.tools import Tools

POLL_INTERVAL_S: Final = 0.5
PLAIN_INTERVAL_S: Final = 15.0
RETRIES_MAX: Final = 10


class Pace(msgspec.Struct, frozen=True):
    """How fast a job goes. `eta_s` is None while nothing can be said."""

    keys_per_s: float
    bytes_per_s: float
    eta_s: float | None

    def render(self) -> str:
        """Return rate and time left for people."""
        left = "" if self.eta_s is None else f", {render_duration(self.eta_s)} left"
        return f"{self.keys_per_s:,.0f} keys/s, {render_size(self.bytes_per_s)}/s{left}"


def plan_pace(first: JobView, latest: JobView, elapsed_s: float) -> Pace:
    """Return the pace between two views of a job, `elapsed_s` apart by our clock."""
    if elapsed_s <= 0:
        return Pace(0.0, 0.0, None)
    keys_per_s = max(0, latest.done - first.done) / elapsed_s
    bytes_per_s = max(0, latest.done_bytes - first.done_bytes) / elapsed_s
    rest = latest.total - latest.done
    eta_s = rest / keys_per_s if latest.total and rest >= 0 and keys_per_s > 0 else None
    return Pace(keys_per_s, bytes_per_s, eta_s)


def follow_job(client: NodeClient, first: JobView, tools: Tools) -> JobView:
    """Return the job once it has ended.

    Raises
        CliFailure: the node stopped answering, or the operator pressed Ctrl-C.
    """
    console = make_console(is_error=True)
    try:
        return _watch(client, first, tools, console)
    except KeyboardInterrupt as exc:
        raise CliFailure(
            f"the job goes on; see `{tools.program} jobs show {first.job_id}`, "
            f"stop it with `{tools.program} jobs cancel {first.job_id}`",
            ExitCode.INTERRUPTED,
        ) from exc


def _watch(client: NodeClient, first: JobView, tools: Tools, console: Console) -> JobView:
    started_s = tools.clock.monotonic_s()
    told_s = started_s
    job = first
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[pace]}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(_title(first), total=first.total or None, pace="")
        while job.state not in FINAL_STATES:
            tools.sleep(POLL_INTERVAL_S)
            job = _poll(client, job.job_id, tools)
            now_s = tools.clock.monotonic_s()
            pace = plan_pace(first, job, now_s - started_s).render()
            bar.update(task, completed=job.done, total=job.total or None, pace=pace)
            if not console.is_terminal and now_s - told_s >= PLAIN_INTERVAL_S:
                told_s = now_s
                console.print(f"{_title(job)}: {job.done:,} of {job.total or '?'} keys, {pace}")
    return job


def _poll(client: NodeClient, job_id: str, tools: Tools) -> JobView:
    for attempt in range(RETRIES_MAX + 1):
        try:
            return client.job(job_id)
        except CliFailure as exc:
            is_passing = exc.code in (ExitCode.UNREACHABLE, ExitCode.NOT_NOW)
            if attempt == RETRIES_MAX or not is_passing:
                raise
            tools.sleep(POLL_INTERVAL_S * (attempt + 1))
    raise AssertionError("unreachable")


def _title(job: JobView) -> str:
    return f"{job.kind} {job.target}".strip()


def judge_job(job: JobView) -> ExitCode:
    """Return the exit code that tells how a job ended."""
    if job.state is JobState.DONE and job.failed == 0:
        return ExitCode.OK
    return ExitCode.FAILED
