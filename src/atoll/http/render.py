"""Encode the head of a response.

Owns      status line, Date, Server, Connection and the framing headers; the guard against headers
          that would end the head early.
Does not  write to the network (sending).
Invariant pure but for the cached Date string. No byte of a header value can become a line of its
          own: CR, LF and NUL are refused, whoever sent them.
Source    RFC 9110 sections 6.6.1, 8.6, 15; RFC 9112 section 6.
"""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus
from typing import Final

from atoll.base.clock import Clock
from atoll.base.units import NS_PER_S
from atoll.http.messages import Response

_STATUS_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\nServer: Atoll\r\n"
    for status in HTTPStatus
}
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class HttpDate:
    """The Date header, rendered once a second."""

    __slots__ = ("_clock", "_line", "_second")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._second = -1
        self._line = ""

    def line(self) -> str:
        """Return the header line of this second."""
        second = self._clock.time_ns() // NS_PER_S
        if second != self._second:
            self._second = second
            self._line = f"Date: {formatdate(second, usegmt=True)}\r\n"
        return self._line


def has_content(status: int, method: str) -> bool:
    """Whether bytes may follow the head."""
    return method != "HEAD" and status not in (204, 304)


def encode_head(response: Response, date_line: str, framing: str, connection: str) -> bytes:
    """Return the head of `response`, with the empty line.

    `framing` and `connection` are complete header lines or empty.

    Raises
        ValueError: a header holds CR, LF, NUL or a character beyond latin-1.
    """
    headers = "".join([f"{name}: {value}\r\n" for name, value in response.headers])
    count = len(response.headers)
    if headers.count("\r") != count or headers.count("\n") != count or "\0" in headers:
        raise ValueError("a response header holds CR, LF or NUL")
    status_line = _STATUS_LINES.get(response.status)
    if status_line is None:
        raise ValueError(f"{response.status} is not a status code")
    return f"{status_line}{date_line}{headers}{framing}{connection}\r\n".encode("latin-1")


def framing_line(response: Response, *, is_http10: bool) -> str:
    """Return the header line that tells the client where the content ends.

    Empty where there is nothing to tell, and with HTTP/1.0 when only the end of the connection
    tells it.
    """
    status = response.status
    if status in (204, 304):
        return ""
    if response.length_bytes is not None:
        return f"Content-Length: {response.length_bytes}\r\n"
    return "" if is_http10 else "Transfer-Encoding: chunked\r\n"
