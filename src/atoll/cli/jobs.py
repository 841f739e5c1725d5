"""`atoll jobs`: list, show and cancel what runs on the node."""

from __future__ import annotations

from typing import Annotated

import typer

from atoll.base.units import render_size
from atoll.cli.client import connect
from atoll.cli.heal import describe_job
from atoll.cli.options import JsonOption, takes_settings
from atoll.cli.output import print_facts, print_json, print_table
from atoll.cli.tools import tools_of
from atoll.config.load import Configuration

app = typer.Typer(no_args_is_help=True)

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="Identity of the job.")]


@app.command("list")
@takes_settings("client", "both")
def list_jobs(
    context: typer.Context, configuration: Configuration, *, json: JsonOption = False
) -> None:
    """List jobs, newest first."""
    jobs = connect(tools_of(context), configuration).jobs()
    if json:
        print_json({"jobs": jobs})
        return
    columns = (
        "job",
        "kind",
        "target",
        "state",
        "keys#",
        "bytes#",
        "damaged#",
        "repaired#",
        "failed#",
    )
    print_table(
        columns,
        (
            (
                job.job_id,
                job.kind.value,
                job.target or "everything",
                job.state.value,
                f"{job.done:,}",
                render_size(job.done_bytes),
                f"{job.damaged:,}",
                f"{job.repaired:,}",
                f"{job.failed:,}",
            )
            for job in jobs
        ),
    )


@app.command("show")
@takes_settings("client", "both")
def show(
    context: typer.Context,
    configuration: Configuration,
    job: JobArgument,
    *,
    json: JsonOption = False,
) -> None:
    """Show one job."""
    found = connect(tools_of(context), configuration).job(job)
    if json:
        print_json(found)
    else:
        print_facts(describe_job(found))


@app.command("cancel")
@takes_settings("client", "both")
def cancel(
    context: typer.Context,
    configuration: Configuration,
    job: JobArgument,
    *,
    json: JsonOption = False,
) -> None:
    """Stop a job. What it has repaired stays repaired."""
    found = connect(tools_of(context), configuration).cancel(job)
    if json:
        print_json(found)
    else:
        print_facts(describe_job(found))
