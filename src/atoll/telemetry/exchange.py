"""One request and its response, as the access log and the metrics see it.

Owns      the value that the HTTP server hands out once per request, after the last byte.
Invariant no secret is in here: the query, where presigned requests carry signatures, is left out.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec


class Exchange(msgspec.Struct, frozen=True, gc=False):
    """A finished request. `action` and `principal` are `-` when the request was refused early."""

    #: Wall clock when the handler was called.
    start_ns: int
    request_id: str
    peer: str
    method: str
    #: Raw path, percent-encoded as received; empty when no head was understood.
    path: bytes
    action: str
    principal: str
    status: int
    #: Content received, without head and transfer coding.
    bytes_in: int
    #: Bytes written, head included.
    bytes_out: int
    duration_s: float
    #: The response was written to its end.
    is_complete: bool


#: Takes note of one exchange; called on the event loop, so it must be quick and never raise.
ExchangeObserver = Callable[[Exchange], None]
