"""`atoll calc`: the erasure calculator. Talks to no node."""

from __future__ import annotations

from typing import Annotated

import typer

from atoll.base.units import parse_size, render_duration, render_size
from atoll.cli.exits import CliFailure, ExitCode, guarded
from atoll.cli.options import JsonOption
from atoll.cli.output import print_facts, print_json, print_table
from atoll.core.placement.calculator import Plan, calculate, calculate_all

app = typer.Typer()


@app.command("calc")
@guarded
def calc(  # noqa: PLR0913 (flags)
    drives: Annotated[int, typer.Option("--drives", help="Number of drives.")] = 4,
    size: Annotated[str, typer.Option("--size", help="Size of a drive: 4TB, 960GiB.")] = "1TiB",
    set_drives: Annotated[
        int | None, typer.Option("--set-drives", help="Drives per set. Default: all, at most 16.")
    ] = None,
    parity: Annotated[
        int | None, typer.Option("--parity", help="Parity shards per set. Default: by set size.")
    ] = None,
    rate: Annotated[
        str, typer.Option("--rate", help="Rebuild rate per second: 100MB, 1GiB.")
    ] = "100MB",
    *,
    every: Annotated[
        bool, typer.Option("--all", help="Compare every set size and parity.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Say what a layout of drives gives: space, tolerance, quorums, rebuild time."""
    if every and (set_drives is not None or parity is not None):
        raise CliFailure("--all excludes --set-drives and --parity", ExitCode.USAGE)
    drive_bytes, bytes_per_s = _read_size("--size", size), _read_size("--rate", rate)
    try:
        if every:
            plans = calculate_all(drives, drive_bytes, rebuild_bytes_per_s=bytes_per_s)
        else:
            plans = (
                calculate(
                    drives,
                    drive_bytes,
                    set_drives=set_drives,
                    parity=parity,
                    rebuild_bytes_per_s=bytes_per_s,
                ),
            )
    except ValueError as exc:
        raise CliFailure(str(exc), ExitCode.USAGE) from exc
    if json:
        print_json({"plans": plans})
    elif every:
        _print_plans(plans)
    else:
        print_facts(_describe(plans[0]))


def _read_size(flag: str, text: str) -> int:
    try:
        return parse_size(text)
    except (ValueError, OverflowError) as exc:
        raise CliFailure(
            f"{flag}: expected a size such as 4TB, found {text!r}", ExitCode.USAGE
        ) from exc


def _describe(plan: Plan) -> list[tuple[str, str]]:
    return [
        ("drives", f"{plan.drives} of {render_size(plan.drive_bytes)}"),
        ("sets", f"{plan.sets} of {plan.set_drives} drives ({plan.data}+{plan.parity})"),
        ("raw", render_size(plan.raw_bytes)),
        ("usable", f"{render_size(plan.usable_bytes)} ({plan.efficiency:.0%})"),
        (
            "write quorum, read quorum",
            f"{plan.write_quorum}, {plan.read_quorum} of {plan.set_drives}",
        ),
        ("drives lost without loss, fully written", str(plan.tolerance_written)),
        ("drives lost without loss, at acknowledgement", str(plan.tolerance_acknowledged)),
        ("drives away while writes go on", str(plan.writes_survive)),
        ("drives away while reads go on", str(plan.reads_survive)),
        ("rebuild of one full drive", _render_rebuild(plan)),
    ]


def _render_rebuild(plan: Plan) -> str:
    if plan.rebuild_s is None:
        return "not possible"
    return f"{render_duration(plan.rebuild_s)}, reads {render_size(plan.rebuild_read_bytes)}"


def _print_plans(plans: tuple[Plan, ...]) -> None:
    # Two lines of heading each, so that the table fits a terminal of 80 columns; --json has more.
    print_table(
        (
            "set\ndrives#",
            "\nk+m#",
            "\nsets#",
            "\nusable#",
            "quorums\nwrite, read#",
            "drives lost\nfull, at ack#",
            "drives away\nwrites, reads#",
            "\nrebuild#",
        ),
        (
            (
                str(plan.set_drives),
                f"{plan.data}+{plan.parity}",
                str(plan.sets),
                render_size(plan.usable_bytes),
                f"{plan.write_quorum}, {plan.read_quorum}",
                f"{plan.tolerance_written}, {plan.tolerance_acknowledged}",
                f"{plan.writes_survive}, {plan.reads_survive}",
                "-" if plan.rebuild_s is None else render_duration(plan.rebuild_s),
            )
            for plan in plans
        ),
    )
