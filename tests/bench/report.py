"""The report: one table for the terminal, the same table as markdown between two markers."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.load import Measure

BEGIN, END = "<!-- bench:{mark}:begin -->", "<!-- bench:{mark}:end -->"
HEADINGS = (
    "drives", "case", "unit", "atoll", "peer", "ratio", "target", "reached",
    "p50 ms", "peer p50", "p99 ms", "peer p99", "errors",
)  # fmt: skip

#: Case → smallest ratio to the peer: (one drive, several drives).
TARGETS: dict[str, tuple[float, float]] = {
    "put": (5, 30),
    "get": (2.2, 2.5),
    "list": (4, 8),
    "delete": (5, 20),
    "mixed": (10, 10),
    "put64": (1.3, 1.2),
    "get64": (1.2, 1),
}
PEAK_RATIO_MAX = 0.25
IDLE_SHARE_MAX = 0.01


@dataclass(frozen=True)
class Row:
    """One line of the table, as text."""

    cells: tuple[str, ...]
    is_reached: bool | None


def compare_row(
    drives: int, name: str, *, title: str, unit: str, pair: tuple[Measure, Measure | None]
) -> Row:
    """Return the row of one case; `pair` is (ours, the peer's or None)."""
    ours, peer = pair
    target = TARGETS.get(name)
    wanted = None if target is None else target[drives > 1]
    ratio = ours.rate / peer.rate if peer and peer.rate else None
    reached = None if wanted is None or ratio is None else ratio >= wanted
    return Row(
        (
            str(drives), title, unit, _number(ours.rate), _number(peer and peer.rate),
            "" if ratio is None else f"{ratio:.2f}×",
            "" if wanted is None else f"≥ {wanted:g}×",
            _answer(reached), _number(ours.p50_ms), _number(peer and peer.p50_ms),
            _number(ours.p99_ms), _number(peer and peer.p99_ms),
            str(ours.errors + (peer.errors if peer else 0)),
        ),
        reached,
    )  # fmt: skip


def memory_row(drives: int, ours: float, peer: float | None) -> Row:
    """Return the row of peak memory, in MiB."""
    ratio = ours / peer if peer else None
    reached = None if ratio is None else ratio <= PEAK_RATIO_MAX
    cells = _plain(drives, "peak memory", "MiB", ours / 2**20, peer and peer / 2**20)
    return Row(
        (*cells, "" if ratio is None else f"{ratio:.2f}×", f"≤ {PEAK_RATIO_MAX:g}×",
         _answer(reached), "", "", "", "", ""),
        reached,
    )  # fmt: skip


def idle_row(drives: int, ours: float, peer: float | None) -> Row:
    """Return the row of idle CPU, in percent of one core."""
    reached = ours < IDLE_SHARE_MAX
    cells = _plain(
        drives, "idle CPU", "% of a core", ours * 100, None if peer is None else peer * 100
    )
    return Row(
        (*cells, "", f"< {IDLE_SHARE_MAX * 100:g} %", _answer(reached), "", "", "", "", ""), reached
    )


def show(rows: list[Row], console: Console) -> None:
    """Print the table."""
    table = Table(title="Atoll and the peer on the same drives")
    for position, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="left" if position in {1, 2} else "right")
    for row in rows:
        style = None if row.is_reached is None else "green" if row.is_reached else "red"
        table.add_row(*row.cells, style=style)
    console.print(table)


def render_markdown(rows: list[Row], *, facts: list[str]) -> str:
    """Return facts and table as markdown."""
    lines = [*(f"- {fact}" for fact in facts), ""]
    lines.append("| " + " | ".join(HEADINGS) + " |")
    lines.append("|" + " --- |" * len(HEADINGS))
    lines += ["| " + " | ".join(row.cells) + " |" for row in rows]
    return "\n".join(lines)


def write_between(path: Path, mark: str, text: str) -> None:
    """Replace what stands between the two markers of a document.

    Raises
        ValueError: the document does not have the markers, once each and in order.
    """
    begin, end = BEGIN.format(mark=mark), END.format(mark=mark)
    document = path.read_text("utf-8")
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if len(pattern.findall(document)) != 1:
        raise ValueError(f"{path} does not have {begin} … {end} once")
    path.write_text(pattern.sub(lambda _: f"{begin}\n{text}\n{end}", document), "utf-8")


def describe_machine(folder: Path) -> str:
    """Return cores, memory, kernel and the file system of a folder, as one sentence."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text("utf-8"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    found = subprocess.run(
        ["df", "--output=fstype,source", str(folder)], capture_output=True, text=True, check=False
    ).stdout.splitlines()
    system = " ".join(found[1].split()) if len(found) > 1 else "unknown file system"
    name = model.group(1) if model else platform.machine()
    return (
        f"{os.cpu_count()} cores ({name}), {memory:.0f} GiB memory, "
        f"Linux {platform.release()}, {system}, Python {platform.python_version()}"
    )


def _plain(drives: int, title: str, unit: str, ours: float, peer: float | None) -> tuple[str, ...]:
    return (str(drives), title, unit, _number(ours), _number(peer))


def _answer(reached: bool | None) -> str:
    return "" if reached is None else "yes" if reached else "no"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"
