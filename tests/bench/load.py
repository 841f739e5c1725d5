"""The load: what is asked of a server, as cases for warp, and warp's answer as a measure.

Rates are operations (or objects of a listing) by the time between the first and the last of them.
p50 and p99 are those of warp's ten-second segments, weighted by their requests.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.install import BenchError
from bench.servers import Running

MIB = 1024 * 1024


@dataclass(frozen=True)
class Case:
    """One run of warp. `flags` are its own; `prepare_s` bounds what it does before measuring."""

    name: str
    title: str
    verb: str
    flags: Mapping[str, str | int]
    unit: str = "op/s"
    prepare_s: int = 240
    is_quick: bool = True


@dataclass(frozen=True)
class Measure:
    """What one run gave."""

    rate: float
    p50_ms: float
    p99_ms: float
    errors: int
    requests: int


_SMALL = {"obj.size": "4KiB", "concurrent": 64}
_LARGE = {"obj.size": "64MiB", "concurrent": 4}

CASES = (
    Case("put", "put 4 KiB", "put", _SMALL),
    Case("get", "get 4 KiB", "get", {**_SMALL, "objects": 2560}),
    Case("stat", "stat 4 KiB", "stat", {**_SMALL, "objects": 2560}),
    Case("delete", "delete 4 KiB", "delete", {**_SMALL, "objects": 12800, "batch": 1}),
    Case(
        "delete100",
        "delete 4 KiB, 100 per request",
        "delete",
        {**_SMALL, "objects": 25600, "batch": 100},
        unit="keys/s",
        is_quick=False,
    ),
    Case("mixed", "mixed 4 KiB", "mixed", {**_SMALL, "objects": 2560}),
    Case(
        "list",
        "list 10,000 × 1 KiB",
        "list",
        {"objects": 10_000, "obj.size": "1KiB", "concurrent": 8, "max-keys": 1000},
        unit="keys/s",
    ),
    Case("put64", "put 64 MiB", "put", _LARGE, unit="MiB/s"),
    Case("get64", "get 64 MiB", "get", {**_LARGE, "objects": 16}, unit="MiB/s"),
    Case(
        "multipart",
        "multipart upload of 1 GiB",
        "multipart-put",
        {"parts": 64, "part.size": "16MiB", "part.concurrent": 4, "concurrent": 1},
        unit="MiB/s",
        is_quick=False,
    ),
)

#: Not compared: the peer would walk directories for hours.
LIST_MILLION = Case(
    "list-million",
    "list 1,000,000 × 1 KiB",
    "list",
    {"objects": 1_000_000, "obj.size": "1KiB", "concurrent": 8, "max-keys": 1000},
    unit="keys/s",
    prepare_s=3600,
    is_quick=False,
)


def run_case(
    case: Case, *, warp: str, server: Running, duration_s: int, folder: Path, scale: float = 1.0
) -> Measure:
    """Run one case against a server and return its measure.

    `scale` shrinks the number of prepared objects, for short runs.

    Raises
        BenchError: warp failed, ran out of time, or reported nothing.
    """
    flags = dict(case.flags)
    if "objects" in flags:
        flags["objects"] = max(int(int(flags["objects"]) * scale), int(flags["concurrent"]) * 4)
    command = [warp, case.verb, "--json", "--no-color", "--noclear"]
    command += [f"--host={server.address}", f"--access-key={server.access_key}"]
    command += [f"--secret-key={server.secret_key}", f"--bucket=bench-{case.name}"]
    command += [f"--duration={duration_s}s", f"--benchdata={folder / case.name}"]
    command += [f"--{name}={value}" for name, value in flags.items()]
    try:
        run = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=duration_s * 2 + case.prepare_s + 60,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise BenchError(f"{case.title}: warp did not end in {exc.timeout:.0f} s") from exc
    start = run.stdout.find("\n{")
    if run.returncode or start < 0:
        raise BenchError(f"{case.title}: warp failed:\n{run.stdout[-1500:]}{run.stderr[-1500:]}")
    document, _ = json.JSONDecoder().raw_decode(run.stdout[start + 1 :])
    return parse_measure(document, unit=case.unit)


def parse_measure(document: Mapping[str, Any], *, unit: str) -> Measure:
    """Return the measure of warp's final document; operations of a mixed run are added up."""
    operations = list(document["by_op_type"].values())
    if not operations:
        raise BenchError("warp reported no operation")
    start = min(_time(operation["start_time"]) for operation in operations)
    end = max(_time(operation["end_time"]) for operation in operations)
    seconds = max((end - start).total_seconds(), 1e-3)
    segments = [segment for operation in operations for segment in _segments(operation)]
    amounts = {
        "op/s": sum(operation["total_requests"] for operation in operations),
        "keys/s": sum(operation["total_objects"] for operation in operations),
        "MiB/s": sum(operation["total_bytes"] for operation in operations) / MIB,
    }
    return Measure(
        rate=amounts[unit] / seconds,
        p50_ms=_weighted(segments, "dur_median_millis"),
        p99_ms=_weighted(segments, "dur_99_millis"),
        errors=sum(operation["total_errors"] for operation in operations),
        requests=sum(operation["total_requests"] for operation in operations),
    )


def mean_measure(measures: Iterable[Measure]) -> Measure:
    """Return the mean of the turns of one case."""
    turns = list(measures)
    count = len(turns)
    return Measure(
        rate=sum(turn.rate for turn in turns) / count,
        p50_ms=sum(turn.p50_ms for turn in turns) / count,
        p99_ms=sum(turn.p99_ms for turn in turns) / count,
        errors=sum(turn.errors for turn in turns),
        requests=sum(turn.requests for turn in turns),
    )


def _segments(operation: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the request statistics of one operation, of any size, that saw requests."""
    found = []
    for segments in (operation.get("requests_by_client") or {}).values():
        for segment in segments:
            single = segment.get("single_sized_requests")
            if single and not single.get("skipped") and single["requests"]:
                found.append(single)
    return found


def _weighted(segments: list[Mapping[str, Any]], field: str) -> float:
    requests = sum(segment["requests"] for segment in segments)
    if not requests:
        return 0.0
    return float(sum(segment[field] * segment["requests"] for segment in segments) / requests)


def _time(text: str) -> datetime:
    """Return a time from RFC 3339 text with nanoseconds, which Python cuts to microseconds."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
