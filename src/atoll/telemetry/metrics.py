"""Metrics for Prometheus: plain counts on the hot path, rendered when scraped.

Owns      names, labels and units of all metrics, and the counts behind them.
Does not  measure: owners call `observe` and `add`, or are asked at the scrape through a source.
Invariant no label value comes from a client: actions are names of the route table, and combinations
          beyond `_CELLS_MAX` are counted as `other`. An update is a few dictionary and list
          operations without a lock, on the event loop; a scrape reads on the event loop too.
Source    Prometheus exposition format; names follow its conventions (base units, `_total`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from atoll.telemetry.exchange import Exchange

#: Seconds. From a cached stat to the deadline of a request.
LATENCY_BOUNDS_S: Final = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
)  # fmt: skip
_CELLS_MAX: Final = 1024
_OTHER: Final = "other"


class Histogram:
    """Counts of durations by upper bound."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...] = LATENCY_BOUNDS_S) -> None:
        self.bounds = bounds
        #: Per bound, not cumulative; the last counts what is above all.
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def buckets(self) -> list[tuple[str, float]]:
        """Return cumulative counts as Prometheus wants them."""
        total = 0
        result: list[tuple[str, float]] = []
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            total += count
            result.append((bound, total))
        return result


class Counter:
    """A number that only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def add(self, amount: int = 1) -> None:
        """Grow by `amount`."""
        self.value += amount


class DriveSample(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one drive at a scrape. Counts are since the start of the process."""

    drive: str
    #: One of the states of the drive layer, such as `online` or `rebuilding`.
    state: str
    total_bytes: int
    free_bytes: int
    queue_length: int
    sync: Histogram


class LoadSample(Protocol):
    """What the HTTP server holds; atoll.http.service.Load has this shape."""

    @property
    def connections(self) -> int:
        """Open connections."""
        ...

    @property
    def in_flight(self) -> int:
        """Requests in work."""
        ...

    @property
    def accepted(self) -> int:
        """Connections accepted since the start."""
        ...

    @property
    def shed_connections(self) -> int:
        """Connections turned away."""
        ...

    @property
    def shed_requests(self) -> int:
        """Requests turned away."""
        ...


class _Cell:
    """Requests of one action and status class."""

    __slots__ = ("aborted", "bytes_in", "bytes_out", "duration")

    def __init__(self) -> None:
        self.duration = Histogram()
        self.bytes_in = 0
        self.bytes_out = 0
        self.aborted = 0


class RequestMetrics:
    """Counts of requests; pass `observe` to the HTTP server."""

    __slots__ = ("_cells",)

    def __init__(self) -> None:
        self._cells: dict[tuple[str, int], _Cell] = {}

    def observe(self, exchange: Exchange) -> None:
        """Count one exchange."""
        key = (exchange.action, exchange.status // 100)
        cell = self._cells.get(key)
        if cell is None:
            cell = self._add(key)
        cell.duration.observe(exchange.duration_s)
        cell.bytes_in += exchange.bytes_in
        cell.bytes_out += exchange.bytes_out
        if not exchange.is_complete:
            cell.aborted += 1

    def _add(self, key: tuple[str, int]) -> _Cell:
        if len(self._cells) >= _CELLS_MAX:
            key = (_OTHER, key[1])
        return self._cells.setdefault(key, _Cell())

    def collect(self) -> Iterator[Metric]:
        """Yield the families of requests."""
        labels = ("action", "status")
        duration = HistogramMetricFamily(
            "atoll_request_duration_seconds", "From the head to the last byte.", labels=labels
        )
        received = CounterMetricFamily(
            "atoll_request_content_bytes", "Content received.", labels=labels
        )
        sent = CounterMetricFamily("atoll_response_bytes", "Bytes sent.", labels=labels)
        aborted = CounterMetricFamily(
            "atoll_requests_aborted", "Responses not sent to their end.", labels=labels
        )
        for (action, status_class), cell in sorted(self._cells.items()):
            values = (action, f"{status_class}xx")
            duration.add_metric(values, cell.duration.buckets(), cell.duration.sum)
            received.add_metric(values, cell.bytes_in)
            sent.add_metric(values, cell.bytes_out)
            aborted.add_metric(values, cell.aborted)
        yield from (duration, received, sent, aborted)


class HealMetrics:
    """What heal, scrub and rebuilds have done to single keys since the start.

    Registers that a rebuild copies to a blank drive page by page are not in here.
    """

    __slots__ = (
        "failed",
        "read_bytes",
        "registers_damaged",
        "registers_repaired",
        "shards_damaged",
        "shards_repaired",
    )

    def __init__(self) -> None:
        self.registers_damaged = Counter()
        self.registers_repaired = Counter()
        self.shards_damaged = Counter()
        self.shards_repaired = Counter()
        self.read_bytes = Counter()
        self.failed = Counter()

    def collect(self) -> Iterator[Metric]:
        """Yield the families of heal."""
        found = CounterMetricFamily(
            "atoll_heal_damaged", "Copies found missing or damaged.", labels=("kind",)
        )
        found.add_metric(("register",), self.registers_damaged.value)
        found.add_metric(("shard",), self.shards_damaged.value)
        yield found
        repaired = CounterMetricFamily(
            "atoll_heal_repaired", "Copies written again.", labels=("kind",)
        )
        repaired.add_metric(("register",), self.registers_repaired.value)
        repaired.add_metric(("shard",), self.shards_repaired.value)
        yield repaired
        yield CounterMetricFamily(
            "atoll_heal_read_bytes", "Bytes of data that heal checked.", value=self.read_bytes.value
        )
        yield CounterMetricFamily(
            "atoll_heal_failures", "Keys with data that is lost.", value=self.failed.value
        )


DriveSource = Callable[[], Iterable[DriveSample]]


class Metrics(Collector):
    """All metrics of one process. Sources are set by who wires them up."""

    def __init__(self) -> None:
        self.requests = RequestMetrics()
        self.heal = HealMetrics()
        self._load: LoadSample | None = None
        self._drives: DriveSource | None = None
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def watch_load(self, load: LoadSample) -> None:
        """Show the load of an HTTP server."""
        self._load = load

    def watch_drives(self, source: DriveSource) -> None:
        """Ask `source` for the drives at each scrape; it must not block."""
        self._drives = source

    def render(self) -> bytes:
        """Return all metrics in the text format (`text/plain; version=0.0.4`)."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield all families; called by the registry."""
        yield from self.requests.collect()
        yield from self.heal.collect()
        if self._load is not None:
            yield from _collect_load(self._load)
        if self._drives is not None:
            yield from _collect_drives(self._drives())


def _collect_load(load: LoadSample) -> Iterator[Metric]:
    yield GaugeMetricFamily("atoll_requests_in_flight", "Requests in work.", value=load.in_flight)
    yield GaugeMetricFamily("atoll_connections", "Open connections.", value=load.connections)
    yield CounterMetricFamily(
        "atoll_connections_accepted", "Connections accepted.", value=load.accepted
    )
    shed = CounterMetricFamily("atoll_shed", "Turned away at a limit.", labels=("kind",))
    shed.add_metric(("connection",), load.shed_connections)
    shed.add_metric(("request",), load.shed_requests)
    yield shed


def _collect_drives(samples: Iterable[DriveSample]) -> Iterator[Metric]:
    state = GaugeMetricFamily("atoll_drive_state", "1 for the state.", labels=("drive", "state"))
    total = GaugeMetricFamily("atoll_drive_total_bytes", "Size of the drive.", labels=("drive",))
    free = GaugeMetricFamily("atoll_drive_free_bytes", "Free bytes.", labels=("drive",))
    queue = GaugeMetricFamily("atoll_drive_queue_length", "Requests waiting.", labels=("drive",))
    sync = HistogramMetricFamily(
        "atoll_drive_sync_seconds", "Duration of a durable write.", labels=("drive",)
    )
    for sample in samples:
        state.add_metric((sample.drive, sample.state), 1)
        total.add_metric((sample.drive,), sample.total_bytes)
        free.add_metric((sample.drive,), sample.free_bytes)
        queue.add_metric((sample.drive,), sample.queue_length)
        sync.add_metric((sample.drive,), sample.sync.buckets(), sample.sync.sum)
    yield from (state, total, free, queue, sync)
