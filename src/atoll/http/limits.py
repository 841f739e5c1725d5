"""Limits of the HTTP server: every buffer, count and time that a client could stretch.

Owns      the numbers and their reasons; the server and its tests take them from one frozen value.
Invariant whatever a client sends or withholds, one connection holds at most
          `head_bytes_max + body_buffer_bytes + write_buffer_bytes` plus one network read and one
          chunk of a response.
"""

from __future__ import annotations

import msgspec

from atoll.base.units import GIB, KIB, MIB


class HttpLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one server."""

    #: Request line; a key of 1,024 bytes is at most 3,072 escaped, presigned queries add 2 KiB.
    target_bytes_max: int = 16 * KIB
    #: Request line and headers together; S3 itself allows 8 KiB of headers.
    head_bytes_max: int = 32 * KIB
    #: Of 8 KiB of headers more than 450 may be user metadata, `x-amz-meta-a:b` and a line end each.
    headers_max: int = 512
    #: More than any S3 body (5 GiB) with its chunk signatures.
    body_bytes_max: int = 6 * GIB
    #: A body up to this size is collected before the handler is called.
    whole_bytes_max: int = 64 * KIB
    #: Bytes of a streamed body that wait for the handler; reading pauses above.
    body_buffer_bytes: int = 1 * MIB
    #: Bytes that wait for the client; the content of a response is not asked for above.
    write_buffer_bytes: int = 1 * MIB
    #: Requests sent ahead of their turn wait unparsed; reading pauses above.
    ahead_bytes_max: int = 64 * KIB
    #: An unread rest of a body up to this size is read and dropped to keep the connection.
    drain_bytes_max: int = 64 * KIB

    #: From the first byte of a request, or from the connection, to the end of the headers; also the
    #: TLS handshake.
    head_timeout_s: float = 20.0
    #: Between two requests of a connection.
    idle_timeout_s: float = 75.0
    #: Silence in the middle of a body.
    body_idle_s: float = 30.0
    #: Slower bodies are given up once `rate_grace_s` have passed.
    body_bytes_per_s_min: int = 1 * KIB
    #: A client that takes a response slower than this over `rate_grace_s` is given up.
    write_bytes_per_s_min: int = 1 * KIB
    #: Kernel buffers of megabytes hide a slow reader for this long.
    rate_grace_s: float = 120.0
    #: After an early answer the rest of the body is read and dropped for this long, so that the
    #: client sees the answer instead of a reset.
    linger_s: float = 3.0

    connections_max: int = 4096
    #: Connections beyond `connections_max` that still get a 503 before they are closed.
    shed_connections_max: int = 64
    requests_in_flight_max: int = 1024
    backlog_connections: int = 1024
    #: Pause of accepting when the process is out of file descriptors.
    accept_pause_s: float = 1.0
    #: Resolution of all timeouts of a connection.
    tick_s: float = 1.0
