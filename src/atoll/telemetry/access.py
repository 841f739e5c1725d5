"""The access log: one line per request.

Owns      the form of the line, text and JSON.
Invariant a line is one line: everything a client chose is escaped. Queries, where presigned
          requests carry their signatures, are not part of an Exchange. Costs a few microseconds
          and never waits.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from atoll.base.units import NS_PER_MS, NS_PER_S
from atoll.telemetry.exchange import Exchange
from atoll.telemetry.logs import LogForm, encode_json_line, escape_controls
from atoll.telemetry.sink import LineSink


class _Line(msgspec.Struct, gc=False):
    """Members of the JSON form, in this order."""

    time: str
    request_id: str
    peer: str
    method: str
    path: str
    action: str
    status: int
    bytes_in: int
    bytes_out: int
    duration_ms: float
    principal: str
    complete: bool


class AccessLog:
    """Writes exchanges to a sink; pass `observe` to the HTTP server."""

    __slots__ = ("_form", "_second", "_second_text", "_sink")

    def __init__(self, sink: LineSink, form: LogForm) -> None:
        self._sink = sink
        self._form = form
        self._second = -1
        self._second_text = ""

    def observe(self, exchange: Exchange) -> None:
        """Write the line of one exchange."""
        if self._form is LogForm.JSON:
            self._sink.write(self._render_json(exchange))
        else:
            self._sink.write(self._render_text(exchange))

    def _time(self, time_ns: int) -> str:
        second, rest_ns = divmod(time_ns, NS_PER_S)
        if second != self._second:
            self._second = second
            self._second_text = f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}"
        return f"{self._second_text}.{rest_ns // NS_PER_MS:03d}Z"

    def _render_json(self, exchange: Exchange) -> str:
        line = _Line(
            self._time(exchange.start_ns),
            exchange.request_id,
            exchange.peer,
            exchange.method,
            exchange.path.decode("latin-1"),
            exchange.action,
            exchange.status,
            exchange.bytes_in,
            exchange.bytes_out,
            round(exchange.duration_s * 1000, 3),
            exchange.principal,
            exchange.is_complete,
        )
        return encode_json_line(line)

    def _render_text(self, exchange: Exchange) -> str:
        path = escape_controls(exchange.path.decode("latin-1")) or "-"
        return (
            f"{self._time(exchange.start_ns)} {exchange.request_id} {exchange.peer} "
            f"{exchange.method} {path} {exchange.action} {exchange.status} "
            f"{exchange.bytes_in} {exchange.bytes_out} {exchange.duration_s * 1000:.3f}ms "
            f"{escape_controls(exchange.principal)}{'' if exchange.is_complete else ' aborted'}"
        )
