"""`atoll status` and `atoll drives`: the node and its drives at a glance."""

from __future__ import annotations

from typing import Final

import typer

from atoll.admin.control import DriveView, StatusView
from atoll.base.units import render_duration, render_size
from atoll.cli.client import connect
from atoll.cli.options import JsonOption, takes_settings
from atoll.cli.output import print_facts, print_json, print_table
from atoll.cli.tools import tools_of
from atoll.config.load import Configuration

_IDENTITY_SHOWN: Final = 8

status_app = typer.Typer()
drives_app = typer.Typer()


@status_app.command("status")
@takes_settings("client", "both")
def status(
    context: typer.Context, configuration: Configuration, *, json: JsonOption = False
) -> None:
    """Show whether the node serves, its sets, its space and what waits for heal."""
    found = connect(tools_of(context), configuration).status()
    if json:
        print_json(found)
        return
    print_facts(_describe(found, configuration.settings.endpoint))
    print()
    print_table(
        ("set#", "drives#", "voting#", "data+parity", "write quorum#", "read quorum#"),
        (
            (
                str(one.index),
                str(one.drives),
                str(one.voting),
                f"{one.data}+{one.parity}",
                str(one.write_quorum),
                str(one.read_quorum),
            )
            for one in found.sets
        ),
    )


def _describe(found: StatusView, endpoint: str) -> list[tuple[str, str]]:
    facts = [
        ("endpoint", endpoint),
        ("state", "ready" if found.is_ready else "not ready"),
        ("version", found.version),
        ("cluster", f"{found.cluster_id}, epoch {found.epoch}"),
        ("region", found.region),
        ("up", render_duration(found.uptime_s)),
        ("drives", f"{found.drives_ok} of {found.drives_total} ok"),
        ("space", f"{render_size(found.free_bytes)} free of {render_size(found.raw_bytes)} raw"),
        ("waiting for heal", f"{found.heal_queue:,}"),
        ("requests in flight", f"{found.requests_in_flight:,}"),
    ]
    if found.reason:
        facts.insert(2, ("reason", found.reason))
    return facts


@drives_app.command("drives")
@takes_settings("client", "both")
def drives(
    context: typer.Context, configuration: Configuration, *, json: JsonOption = False
) -> None:
    """List the drives of the node with state and space."""
    found = connect(tools_of(context), configuration).drives()
    if json:
        print_json({"drives": found})
        return
    columns = ["path", "state", "sets", "free#", "total#", "used#", "records#", "identity"]
    rows = [_row(drive) for drive in found]
    if any(drive.reason for drive in found):
        columns.append("reason")
        rows = [(*row, drive.reason) for row, drive in zip(rows, found, strict=True)]
    print_table(columns, rows)


def _row(drive: DriveView) -> tuple[str, ...]:
    used = 1 - drive.free_bytes / drive.total_bytes if drive.total_bytes else 0.0
    return (
        drive.path,
        drive.state,
        ",".join(map(str, drive.sets)),
        render_size(drive.free_bytes),
        render_size(drive.total_bytes),
        f"{used:.0%}" + (" full" if drive.is_full else ""),
        f"{drive.records:,}",
        # Enough to tell drives apart on a narrow terminal; --json has all of it.
        drive.drive_id[:_IDENTITY_SHOWN],
    )
