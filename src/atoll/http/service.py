"""What all connections of one server share: the front end, limits, time, names and counts.

Owns      `HttpService`, the one argument by which a front end is served, and `Load`, the counts
          that limits are judged by and that metrics read.
Invariant `Load` is changed on the event loop only, between two awaits.
"""

from __future__ import annotations

from typing import Final

import msgspec

from atoll.base.clock import Clock, Entropy
from atoll.http.limits import HttpLimits
from atoll.http.messages import Handler, RenderError
from atoll.telemetry.exchange import ExchangeObserver

_U64: Final = (1 << 64) - 1
#: Odd, so that multiples of it visit every 64-bit number once; near 2**64 / golden ratio, so that
#: neighbours in time look unlike.
_STRIDE: Final = 0x9E37_79B9_7F4A_7C15


class HttpService(msgspec.Struct, frozen=True, kw_only=True):
    """A front end and its surroundings."""

    handler: Handler
    render_error: RenderError
    clock: Clock
    entropy: Entropy
    limits: HttpLimits = HttpLimits()
    #: Told about each exchange, in this order.
    observers: tuple[ExchangeObserver, ...] = ()


class Load:
    """What the server holds at this moment, and what it turned away."""

    __slots__ = ("accepted", "connections", "in_flight", "shed_connections", "shed_requests")

    def __init__(self) -> None:
        #: Open connections, TLS handshakes included.
        self.connections = 0
        #: Requests given to the handler and not answered to the end.
        self.in_flight = 0
        #: Since the start.
        self.accepted = 0
        self.shed_connections = 0
        self.shed_requests = 0


class RequestIds:
    """Names of requests: 16 hexadecimal digits, unique in a process, unlike in different ones."""

    __slots__ = ("_last",)

    def __init__(self, entropy: Entropy) -> None:
        self._last = entropy.random_u64()

    def draw(self) -> str:
        """Return the next name."""
        self._last = (self._last + _STRIDE) & _U64
        return f"{self._last:016X}"
