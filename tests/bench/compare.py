"""Compare Atoll with the peer: same drives directory, same durability, same load, turn by turn.

Turns alternate (A B B A by default) so that a slow minute of the machine hurts both. Each turn
starts its server on fresh drives, runs every case, measures peak memory and idle CPU, and stops.
Run as `python tests/bench/compare.py --help`, or as `make bench`.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.install import TOOLS, BenchError, install_tool
from bench.load import CASES, LIST_MILLION, Case, Measure, mean_measure, run_case
from bench.report import (
    Row,
    compare_row,
    describe_machine,
    idle_row,
    memory_row,
    render_markdown,
    show,
    write_between,
)
from bench.servers import Program, atoll_program, peer_program, serving

ROOT = Path(__file__).resolve().parents[2]
SETTLE_SECONDS = 5
IDLE_SECONDS = 10
OURS, PEER = "A", "B"


@dataclass
class Results:
    """Everything measured, by number of drives and side (`A` is Atoll, `B` the peer)."""

    cases: dict[tuple[int, str, str], list[Measure]] = field(
        default_factory=lambda: defaultdict(list)
    )
    peaks: dict[tuple[int, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    idles: dict[tuple[int, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    failures: list[str] = field(default_factory=list)


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the settings of a run."""
    names = [case.name for case in CASES]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few minutes: one turn each")
    parser.add_argument("--drives", type=int, nargs="+", default=[4, 1], help="drive counts")
    parser.add_argument("--turns", default=None, help="order of the servers (default ABBA)")
    parser.add_argument("--duration", type=int, default=None, help="seconds per case (default 20)")
    parser.add_argument("--cases", nargs="+", choices=names, default=None, help="only these")
    parser.add_argument("--list-million", action="store_true", help="one listing, Atoll alone")
    parser.add_argument("--folder", type=Path, default=ROOT / ".bench", help="drives and tools")
    parser.add_argument("--atoll", default=str(Path(sys.executable).with_name("atoll")))
    parser.add_argument("--minio", default=None, help="a binary, instead of building it")
    parser.add_argument("--warp", default=None, help="a binary, instead of building it")
    parser.add_argument("--self-test", action="store_true", help="the peer on both sides")
    parser.add_argument("--no-write", action="store_true", help="leave docs/performance.md alone")
    settings = parser.parse_args(arguments)
    settings.turns = settings.turns or (
        "A" if settings.list_million else "AB" if settings.quick else "ABBA"
    )
    settings.duration = settings.duration or (5 if settings.quick else 20)
    return settings


def choose_cases(settings: argparse.Namespace) -> list[Case]:
    """Return the cases of a run."""
    if settings.list_million:
        return [LIST_MILLION]
    if settings.cases:
        return [case for case in CASES if case.name in settings.cases]
    return [case for case in CASES if case.is_quick or not settings.quick]


def run_turn(
    program: Program, side: str, drives: int, *, settings: argparse.Namespace, results: Results
) -> None:
    """Run every case against one fresh server. A case that fails is reported, not hidden."""
    folder = settings.folder / "drives" / f"{program.name}-{side}"
    console = Console(stderr=True)
    with serving(program, folder=folder, drives=drives) as server:
        for case in choose_cases(settings):
            try:
                measure = run_case(
                    case,
                    warp=settings.warp,
                    server=server,
                    duration_s=settings.duration,
                    folder=settings.folder,
                    scale=0.25 if settings.quick else 1.0,
                )
            except BenchError as exc:
                results.failures.append(f"{program.name}, {drives} drives: {exc}")
                console.print(
                    f"{program.name:6} {drives} drives  {case.title}: failed, {exc}", style="red"
                )
                continue
            results.cases[drives, side, case.name].append(measure)
            console.print(
                f"{program.name:6} {drives} drives  {case.title}: {measure.rate:,.0f} {case.unit}"
            )
        time.sleep(SETTLE_SECONDS)
        results.idles[drives, side].append(server.measure_idle(IDLE_SECONDS))
        results.peaks[drives, side].append(server.peak_bytes)


def tabulate(results: Results, *, cases: Iterable[Case], drives: Iterable[int]) -> list[Row]:
    """Return the rows of the table."""
    cases = list(cases)
    rows = []
    for count in drives:
        for case in cases:
            ours = results.cases.get((count, OURS, case.name))
            peer = results.cases.get((count, PEER, case.name))
            if ours:
                pair = (mean_measure(ours), mean_measure(peer) if peer else None)
                rows.append(
                    compare_row(count, case.name, title=case.title, unit=case.unit, pair=pair)
                )
        if results.peaks.get((count, OURS)):
            peer_peaks = results.peaks.get((count, PEER))
            peak = max(results.peaks[count, OURS])
            rows.append(memory_row(count, peak, max(peer_peaks) if peer_peaks else None))
            peer_idles = results.idles.get((count, PEER))
            idle = max(results.idles[count, OURS])
            rows.append(idle_row(count, idle, max(peer_idles) if peer_idles else None))
    return rows


def describe_run(
    settings: argparse.Namespace, results: Results, *, durability: tuple[str, str]
) -> list[str]:
    """Return what a reader needs to judge and repeat the run, as sentences."""
    # Where the tools and drives lie says nothing to whoever repeats it elsewhere.
    arguments = shlex.join(Path(one).name if os.path.isabs(one) else one for one in sys.argv[1:])
    date = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    return [
        f"{date}: {describe_machine(settings.folder)}.",
        f"Atoll: {durability[0]}.",
        f"Peer, minio {TOOLS['minio'][1]}: {durability[1]}.",
        f"Command: `python tests/bench/compare.py {arguments}`; turns {settings.turns}, "
        f"{settings.duration} s per case; the load generator shares the machine.",
        *(f"Failed: {failure.splitlines()[0]}" for failure in results.failures),
    ]


def main() -> int:
    """Run the comparison; return 0 when every case gave a number on both sides."""
    settings = parse_arguments()
    console = Console(width=None if sys.stdout.isatty() else 170)
    settings.folder = settings.folder.resolve()
    settings.folder.mkdir(parents=True, exist_ok=True)
    try:
        settings.warp = settings.warp or str(install_tool("warp", folder=settings.folder))
        if PEER in settings.turns or settings.self_test:
            settings.minio = settings.minio or str(install_tool("minio", folder=settings.folder))
        peer = peer_program(settings.minio or "")
        ours = peer if settings.self_test else atoll_program(settings.atoll)
        results = Results()
        for drives in settings.drives:
            for side in settings.turns:
                program = ours if side == OURS else peer
                try:
                    run_turn(program, side, drives, settings=settings, results=results)
                except BenchError as exc:
                    results.failures.append(f"{program.name}, {drives} drives: {exc}")
    except BenchError as exc:
        console.print(f"benchmark stopped: {exc}", style="red")
        return 1
    finally:
        shutil.rmtree(settings.folder / "drives", ignore_errors=True)
    rows = tabulate(results, cases=choose_cases(settings), drives=settings.drives)
    show(rows, console)
    for failure in results.failures:
        console.print(f"failed: {failure}", style="red")
    if not (settings.no_write or settings.self_test):
        facts = describe_run(settings, results, durability=(ours.durability, peer.durability))
        mark = "list-million" if settings.list_million else "compare"
        write_between(ROOT / "docs" / "performance.md", mark, render_markdown(rows, facts=facts))
    return 1 if results.failures else 0


if __name__ == "__main__":
    sys.exit(main())
