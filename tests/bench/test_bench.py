"""The benchmark's arithmetic: what it reads from warp, what it calls reached, what it writes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from bench import compare, report
from bench.install import BenchError
from bench.load import MIB, Measure, mean_measure, parse_measure
from bench.servers import list_tree, read_cpu_seconds, read_resident_bytes


def _operation(requests: int, *, start: str, end: str, median_ms: float) -> dict[str, Any]:
    single = {"requests": requests, "dur_median_millis": median_ms, "dur_99_millis": 9 * median_ms}
    return {
        "total_requests": requests,
        "total_objects": 10 * requests,
        "total_bytes": requests * MIB,
        "total_errors": 1,
        "start_time": start,
        "end_time": end,
        "requests_by_client": {"c": [{"single_sized_requests": single}, {}]},
    }


DOCUMENT = {
    "by_op_type": {
        "GET": _operation(
            300,
            start="2026-01-01T00:00:00.123456789Z",
            end="2026-01-01T00:00:03.123456789Z",
            median_ms=2,
        ),
        "PUT": _operation(
            100, start="2026-01-01T00:00:01.5Z", end="2026-01-01T00:00:04.123456789Z", median_ms=6
        ),
    }
}


@pytest.mark.parametrize(("unit", "rate"), [("op/s", 100), ("keys/s", 1000), ("MiB/s", 100)])
def test_rate_is_all_operations_over_the_whole_time(unit: str, rate: float) -> None:
    assert parse_measure(DOCUMENT, unit=unit).rate == pytest.approx(rate)


def test_latencies_are_weighted_by_requests() -> None:
    measure = parse_measure(DOCUMENT, unit="op/s")
    assert measure.p50_ms == pytest.approx(3)
    assert measure.p99_ms == pytest.approx(27)
    assert (measure.errors, measure.requests) == (2, 400)


def test_no_operation_is_no_measure() -> None:
    with pytest.raises(BenchError):
        parse_measure({"by_op_type": {}}, unit="op/s")


def test_turns_are_averaged_and_errors_added() -> None:
    turns = [Measure(100, 1, 2, 1, 10), Measure(300, 3, 4, 0, 30)]
    assert mean_measure(turns) == Measure(200, 2, 3, 1, 40)


@pytest.mark.parametrize(
    ("drives", "ours", "is_reached"), [(4, 3000, True), (4, 2999, False), (1, 500, True)]
)
def test_target_depends_on_the_number_of_drives(drives: int, ours: float, is_reached: bool) -> None:
    pair = (Measure(ours, 1, 1, 0, 1), Measure(100, 1, 1, 0, 1))
    row = report.compare_row(drives, "put", title="put", unit="op/s", pair=pair)
    assert row.is_reached is is_reached
    assert len(row.cells) == len(report.HEADINGS)


def test_a_side_alone_reaches_nothing() -> None:
    row = report.compare_row(
        4, "put", title="put", unit="op/s", pair=(Measure(1, 1, 1, 0, 1), None)
    )
    assert row.is_reached is None


def test_memory_and_idle_have_limits() -> None:
    assert report.memory_row(4, 25, 100).is_reached
    assert not report.memory_row(4, 26, 100).is_reached
    assert report.idle_row(4, 0.009, None).is_reached
    assert not report.idle_row(4, 0.011, 0.001).is_reached


def test_the_table_holds_every_measured_case() -> None:
    results = compare.Results()
    case = compare.CASES[0]
    results.cases[4, "A", case.name].append(Measure(10, 1, 1, 0, 1))
    results.peaks[4, "A"].append(1)
    results.idles[4, "A"].append(0)
    rows = compare.tabulate(results, cases=compare.CASES, drives=[4, 1])
    assert [row.cells[1] for row in rows] == [case.title, "peak memory", "idle CPU"]


def test_only_the_marked_text_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    begin, end = report.BEGIN.format(mark="m"), report.END.format(mark="m")
    page.write_text(f"before\n{begin}\nold\n{end}\nafter\n", "utf-8")
    report.write_between(page, "m", r"new \1")
    assert page.read_text("utf-8") == f"before\n{begin}\nnew \\1\n{end}\nafter\n"
    with pytest.raises(ValueError, match="once"):
        report.write_between(page, "other", "x")


def test_the_performance_page_has_both_markers() -> None:
    text = (compare.ROOT / "docs" / "performance.md").read_text("utf-8")
    for mark in ("compare", "list-million"):
        assert text.count(report.BEGIN.format(mark=mark)) == 1
        assert text.count(report.END.format(mark=mark)) == 1


def test_quick_runs_are_shorter_and_the_listing_is_ours_alone() -> None:
    quick = compare.parse_arguments(["--quick"])
    assert quick.turns == "AB"
    assert quick.duration < compare.parse_arguments([]).duration
    assert compare.parse_arguments(["--list-million"]).turns == "A"
    assert len(compare.choose_cases(quick)) < len(compare.CASES)


def test_a_process_tree_has_memory_and_cpu_time() -> None:
    assert list_tree(os.getpid())[0] == os.getpid()
    assert read_resident_bytes(os.getpid()) > MIB
    assert read_cpu_seconds(os.getpid()) > 0
