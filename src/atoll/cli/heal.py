"""`atoll heal` and `atoll scrub`: start a job on the node and follow it."""

from __future__ import annotations

from typing import Annotated

import typer

from atoll.admin.control import FINAL_STATES, HealRequest, JobView
from atoll.base.units import render_size
from atoll.cli.client import connect
from atoll.cli.exits import ExitCode
from atoll.cli.options import JsonOption, takes_settings
from atoll.cli.output import print_facts, print_json
from atoll.cli.progress import follow_job, judge_job
from atoll.cli.tools import Tools, tools_of
from atoll.config.load import Configuration

DetachOption = Annotated[
    bool, typer.Option("--detach", help="Start the job and return; see `atoll jobs`.")
]

heal_app = typer.Typer()
scrub_app = typer.Typer()


@heal_app.command("heal")
@takes_settings("client", "both")
def heal(
    context: typer.Context,
    configuration: Configuration,
    target: Annotated[
        str, typer.Argument(metavar="[BUCKET[/PREFIX]]", help="What to heal. Default: everything.")
    ] = "",
    *,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read and check every byte, not only presence.")
    ] = False,
    detach: DetachOption = False,
    json: JsonOption = False,
) -> None:
    """Restore redundancy: find missing and damaged copies and rebuild them."""
    bucket, _, prefix = target.removeprefix("s3://").partition("/")
    tools = tools_of(context)
    client = connect(tools, configuration)
    job = client.start_heal(HealRequest(bucket=bucket, prefix=prefix, verify=verify))
    if not detach:
        job = follow_job(client, job, tools)
    _conclude(job, tools, is_json=json)


@scrub_app.command("scrub")
@takes_settings("client", "both")
def scrub(
    context: typer.Context,
    configuration: Configuration,
    *,
    detach: DetachOption = False,
    json: JsonOption = False,
) -> None:
    """Read everything on all drives to find rot, and repair what is found."""
    tools = tools_of(context)
    client = connect(tools, configuration)
    job = client.start_scrub()
    if not detach:
        job = follow_job(client, job, tools)
    _conclude(job, tools, is_json=json)


def _conclude(job: JobView, tools: Tools, *, is_json: bool) -> None:
    if is_json:
        print_json(job)
    else:
        print_facts(describe_job(job))
    if job.state not in FINAL_STATES:
        if not is_json:
            print(f"\nFollow it with: {tools.program} jobs show {job.job_id}")
        return
    code = judge_job(job)
    if code is not ExitCode.OK:
        raise typer.Exit(code)


def _render_total(job: JobView) -> str:
    # The total is an estimate, and of no interest once the job has counted.
    is_open = job.state not in FINAL_STATES
    return f" of about {job.total:,}" if job.total and is_open else ""


def describe_job(job: JobView) -> list[tuple[str, str]]:
    """Return a job as names and values."""
    facts = [
        ("job", job.job_id),
        ("kind", job.kind.value),
        ("target", job.target or "everything"),
        ("state", job.state.value),
        ("keys", f"{job.done:,}" + _render_total(job)),
        ("bytes", render_size(job.done_bytes)),
        ("damaged", f"{job.damaged:,}"),
        ("repaired", f"{job.repaired:,}"),
        ("not repaired", f"{job.failed:,}"),
    ]
    if job.message:
        facts.append(("message", job.message))
    return facts
