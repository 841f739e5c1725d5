"""The program `atoll`: a table of commands, each in a module of its own.

Only the module of the command that was asked for is imported; help, completion and misspelt names
import all. This keeps `atoll calc` from paying for a node.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.metadata import version as read_version
from typing import Final

import msgspec
import typer

from atoll.cli.exits import ExitCode
from atoll.cli.options import JsonOption
from atoll.cli.output import print_json
from atoll.cli.tools import Tools, make_system_tools


class Group(msgspec.Struct, frozen=True):
    """One command or group of commands: where it is and what `--help` says of a group."""

    module: str
    attribute: str = "app"
    #: Set for a group with sub-commands.
    help: str | None = None


#: In the order of `--help`.
GROUPS: Final = {
    "serve": Group("atoll.cli.serve"),
    "status": Group("atoll.cli.status", "status_app"),
    "drives": Group("atoll.cli.status", "drives_app"),
    "heal": Group("atoll.cli.heal", "heal_app"),
    "scrub": Group("atoll.cli.heal", "scrub_app"),
    "jobs": Group("atoll.cli.jobs", help="Jobs of the node: list, show, cancel."),
    "calc": Group("atoll.cli.calc"),
    "presign": Group("atoll.cli.presign"),
    "config": Group("atoll.cli.config", help="The configuration and where it comes from."),
    "credentials": Group("atoll.cli.credentials", help="The root pair: show, use, rotate it."),
}


def build_app(names: Sequence[str] = tuple(GROUPS)) -> typer.Typer:
    """Return the program with the commands of `names`."""
    app = typer.Typer(
        name="atoll",
        help="Atoll: an S3 object store on equal nodes.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    for name in names:
        group = GROUPS[name]
        part: typer.Typer = getattr(importlib.import_module(group.module), group.attribute)
        if group.help is None:
            app.add_typer(part)
        else:
            app.add_typer(part, name=name, help=group.help)
    app.command("version")(version)
    return app


def _root() -> None:
    # A callback makes typer keep `atoll NAME` even where only one command was built.
    return


def version(*, json: JsonOption = False) -> None:
    """Print the version."""
    found = read_version("atoll")
    if json:
        print_json({"version": found})
    else:
        print(f"atoll {found}")


def main(arguments: Sequence[str], tools: Tools) -> None:
    """Run one command. Always ends with SystemExit."""
    named = arguments[0] if arguments else ""
    is_completion = "_ATOLL_COMPLETE" in tools.environ
    names = (named,) if named in GROUPS and not is_completion else tuple(GROUPS)
    if named == "version" and not is_completion:
        names = ()
    try:
        build_app(names)(args=list(arguments), prog_name="atoll", obj=tools)
    except KeyboardInterrupt:
        raise SystemExit(ExitCode.INTERRUPTED) from None


def run() -> None:
    """Run the program for this process; the entry point of `atoll`."""
    main(sys.argv[1:], make_system_tools())
