"""What commands print: tables for people, JSON for programs, on standard output.

Colours appear on a terminal only (rich decides, and honours NO_COLOR); a table that goes into a
pipe is as wide as it needs, so that no value is cut. JSON is one document, members as in
admin/control.py, indented by two.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

_PIPE_COLUMNS: Final = 1000

_COLOURS: Final = {
    "ok": "green",
    "done": "green",
    "ready": "green",
    "blank": "yellow",
    "queued": "yellow",
    "running": "cyan",
    "poisoned": "red",
    "missing": "red",
    "failed": "red",
    "cancelled": "yellow",
}


def make_console(*, is_error: bool = False) -> Console:
    """Return a console on standard output or standard error."""
    stream = sys.stderr if is_error else sys.stdout
    width = None if stream.isatty() else _PIPE_COLUMNS
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def print_json(value: object) -> None:
    """Print one JSON document."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; a column whose name ends with `#` is set flush right."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        is_number = column.endswith("#")
        # Numbers stay whole on a narrow terminal; paths and sentences go on in the next line.
        table.add_column(
            column.rstrip("#"),
            justify="right" if is_number else "left",
            no_wrap=is_number,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(paint(cell) for cell in row))
    make_console().print(table)


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Print names and values, one pair per line."""
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for name, value in facts:
        table.add_row(Text(name, style="bold"), paint(value))
    make_console().print(table)


def paint(cell: str) -> Text:
    """Return a cell, coloured where it is a state."""
    return Text(cell, style=_COLOURS.get(cell, ""))
