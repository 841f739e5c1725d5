"""Counts and what a scrape shows of them."""

from __future__ import annotations

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from atoll.http.service import Load
from atoll.telemetry.exchange import Exchange
from atoll.telemetry.metrics import DriveSample, Histogram, Metrics

EXCHANGE = Exchange(0, "id", "-", "GET", b"/", "GetObject", "-", 200, 10, 20, 0.003, True)


def scrape(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return samples by name and labels."""
    text = metrics.render().decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_requests_by_action_and_status_class() -> None:
    metrics = Metrics()
    metrics.requests.observe(EXCHANGE)
    metrics.requests.observe(msgspec.structs.replace(EXCHANGE, status=206, duration_s=60.0))
    metrics.requests.observe(msgspec.structs.replace(EXCHANGE, status=404, is_complete=False))
    samples = scrape(metrics)
    ok = (("action", "GetObject"), ("status", "2xx"))
    assert samples["atoll_request_duration_seconds_count", ok] == 2
    assert samples["atoll_request_duration_seconds_sum", ok] == 60.003
    bucket = "atoll_request_duration_seconds_bucket"
    assert samples[bucket, (*ok[:1], ("le", "0.0025"), ok[1])] == 0
    assert samples[bucket, (*ok[:1], ("le", "0.005"), ok[1])] == 1
    assert samples[bucket, (*ok[:1], ("le", "30.0"), ok[1])] == 1
    assert samples[bucket, (*ok[:1], ("le", "+Inf"), ok[1])] == 2
    assert samples["atoll_request_content_bytes_total", ok] == 20
    assert samples["atoll_response_bytes_total", ok] == 40
    missing = (("action", "GetObject"), ("status", "4xx"))
    assert samples["atoll_requests_aborted_total", missing] == 1


def test_a_value_on_a_bound_belongs_below_it() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (1.0, 1.5, 2.0, 2.5):
        histogram.observe(value)
    assert histogram.buckets() == [("1.0", 1), ("2.0", 3), ("+Inf", 4)]


def test_the_number_of_series_is_bounded() -> None:
    metrics = Metrics()
    for number in range(5000):
        metrics.requests.observe(msgspec.structs.replace(EXCHANGE, action=f"a{number}"))
    duration = next(iter(metrics.requests.collect()))
    counts = {
        sample.labels["action"]: sample.value
        for sample in duration.samples
        if sample.name.endswith("_count")
    }
    assert len(counts) <= 1025
    assert sum(counts.values()) == 5000
    assert counts["other"] == 5000 - 1024


def test_load_drives_and_heal_are_asked_at_the_scrape() -> None:
    metrics, load, sync = Metrics(), Load(), Histogram()
    sample = DriveSample(
        drive="d1", state="online", total_bytes=100, free_bytes=40, queue_length=3, sync=sync
    )
    metrics.watch_load(load)
    metrics.watch_drives(lambda: [sample])
    load.connections, load.in_flight, load.shed_requests = 7, 2, 1
    metrics.heal.shards_repaired.add(5)
    sync.observe(0.002)
    samples = scrape(metrics)
    drive = (("drive", "d1"),)
    assert samples["atoll_connections", ()] == 7
    assert samples["atoll_requests_in_flight", ()] == 2
    assert samples["atoll_shed_total", (("kind", "request"),)] == 1
    assert samples["atoll_drive_free_bytes", drive] == 40
    assert samples["atoll_drive_state", (*drive, ("state", "online"))] == 1
    assert samples["atoll_drive_sync_seconds_count", drive] == 1
    assert samples["atoll_heal_repaired_total", (("kind", "shard"),)] == 5


def test_two_registries_do_not_share_anything() -> None:
    first, second = Metrics(), Metrics()
    first.heal.failed.add()
    assert scrape(second)["atoll_heal_failures_total", ()] == 0
