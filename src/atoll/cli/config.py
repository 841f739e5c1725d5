"""`atoll config`: the settings, where each value comes from, and their page of documentation."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from atoll.cli.client import connect
from atoll.cli.exits import guarded
from atoll.cli.options import JsonOption, takes_settings
from atoll.cli.output import print_facts, print_json, print_table
from atoll.cli.tools import tools_of
from atoll.config.explain import explain
from atoll.config.load import Configuration
from atoll.config.page import render_page

app = typer.Typer(no_args_is_help=True)


@app.command("show")
@takes_settings("node", "both", "client")
def show(
    context: typer.Context,
    configuration: Configuration,
    *,
    with_meaning: Annotated[
        bool, typer.Option("--explain", help="Also show the source and the meaning.")
    ] = False,
    from_node: Annotated[
        bool, typer.Option("--node", help="Ask the running node instead of this shell.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Show the settings. Secrets are masked."""
    rows = explain(configuration)
    if from_node:
        rows = connect(tools_of(context), configuration).settings()
    if json:
        print_json({"settings": rows})
    elif with_meaning:
        print_table(
            ("setting", "value", "source", "meaning"),
            (
                (row.name, row.value, " ".join((row.source, row.detail)).strip(), row.meaning)
                for row in rows
            ),
        )
    else:
        print_facts((row.name, row.value) for row in rows)
    for warning in configuration.warnings:
        print(f"atoll: {warning}", file=sys.stderr)


@app.command("page", hidden=True)
@guarded
def page() -> None:
    """Print docs/operations/configuration.md."""
    sys.stdout.write(render_page())
