"""The access log line."""

from __future__ import annotations

import json

import msgspec

from atoll.telemetry.access import AccessLog
from atoll.telemetry.exchange import Exchange
from atoll.telemetry.logs import LogForm
from fakes.lines import ListSink

EXCHANGE = Exchange(
    start_ns=1_704_164_645_250_000_000,
    request_id="0123456789ABCDEF",
    peer="192.0.2.7",
    method="GET",
    path=b"/b/a%20b",
    action="GetObject",
    principal="AKID",
    status=200,
    bytes_in=0,
    bytes_out=4321,
    duration_s=0.0125,
    is_complete=True,
)


def lines(form: LogForm, *exchanges: Exchange) -> list[str]:
    sink = ListSink()
    log = AccessLog(sink, form)
    for exchange in exchanges:
        log.observe(exchange)
    return sink.lines


def test_text() -> None:
    assert lines(LogForm.TEXT, EXCHANGE) == [
        "2024-01-02T03:04:05.250Z 0123456789ABCDEF 192.0.2.7 GET /b/a%20b GetObject 200 "
        "0 4321 12.500ms AKID"
    ]


def test_json() -> None:
    (line,) = lines(LogForm.JSON, EXCHANGE)
    assert json.loads(line) == {
        "time": "2024-01-02T03:04:05.250Z",
        "request_id": "0123456789ABCDEF",
        "peer": "192.0.2.7",
        "method": "GET",
        "path": "/b/a%20b",
        "action": "GetObject",
        "status": 200,
        "bytes_in": 0,
        "bytes_out": 4321,
        "duration_ms": 12.5,
        "principal": "AKID",
        "complete": True,
    }


def test_the_second_is_rendered_anew() -> None:
    later = msgspec.structs.replace(EXCHANGE, start_ns=EXCHANGE.start_ns + 60_000_000_000)
    first, second = lines(LogForm.TEXT, EXCHANGE, later)
    assert first.startswith("2024-01-02T03:04:05.250Z")
    assert second.startswith("2024-01-02T03:05:05.250Z")


def test_clients_cannot_forge_lines_and_aborted_ones_are_marked() -> None:
    odd = msgspec.structs.replace(EXCHANGE, path=b"/\n\x1b", principal="a\r\nb", is_complete=False)
    (text,) = lines(LogForm.TEXT, odd)
    assert len(text.splitlines()) == 1
    assert "\x1b" not in text
    assert text.endswith(" aborted")
    (line,) = lines(LogForm.JSON, odd)
    assert len(line.splitlines()) == 1
