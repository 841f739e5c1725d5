"""Parse the head of one request: request line and headers up to the empty line.

Owns      what a request head may look like; the framing of the body follows from here alone.
Does not  find the end of the head (connection), read bodies (body, chunked) or judge methods that
          llhttp knows (front ends).
Invariant a head is accepted only if llhttp, in its strict mode, consumed exactly these bytes as one
          head; what its leniency or its version-independent grammar lets pass is refused here.
Order     the message of llhttp first, then request line, Host, framing, Expect.
Source    RFC 9110, RFC 9112 (sections 2.2, 3, 5, 6); llhttp through httptools.
"""

from __future__ import annotations

import re
from typing import Final, Protocol, cast

import httptools
import msgspec

from atoll.http.limits import HttpLimits
from atoll.http.messages import Headers


class RequestRefused(Exception):
    """The server answers by itself: `status`, `code` and `message` go to `render_error`."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class Head(msgspec.Struct, frozen=True):
    """An accepted head."""

    method: str
    #: Raw path and query; `*` for OPTIONS of the server itself.
    path: bytes
    query: bytes
    headers: Headers
    #: None with chunked transfer coding; 0 without a body.
    length_bytes: int | None
    is_http10: bool
    is_keep_alive: bool
    is_continue_expected: bool


class _Parser(Protocol):
    def feed_data(self, data: bytes) -> None: ...


_COMMON: Final = (
    "Host", "User-Agent", "Accept", "Accept-Encoding", "Authorization", "Connection",
    "Content-Length", "Content-MD5", "Content-Type", "Content-Encoding", "Date", "Expect",
    "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "Range",
    "Transfer-Encoding", "X-Amz-Acl", "X-Amz-Checksum-Mode", "X-Amz-Content-Sha256",
    "X-Amz-Copy-Source", "X-Amz-Date", "X-Amz-Decoded-Content-Length",
    "X-Amz-Sdk-Checksum-Algorithm", "X-Amz-Security-Token", "X-Amz-Trailer",
    "Amz-Sdk-Invocation-Id", "Amz-Sdk-Request",
)  # fmt: skip
#: Spellings that clients use, to their lower case; saves a decoding per header.
_LOWER: Final = {
    spelling.encode(): name.lower()
    for name in _COMMON
    for spelling in (name, name.lower(), name.replace("X-Amz", "x-amz"))
}
_METHODS: Final = {name.encode(): name for name in ("GET", "PUT", "HEAD", "POST", "DELETE")}
_HOST: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+;=%:\[\]-]+")
_ABSOLUTE: Final = re.compile(rb"https?://([^/?]*)", re.IGNORECASE)
_LENGTH_DIGITS_MAX: Final = 18
_AT_MOST_ONCE: Final = frozenset(("host", "content-length", "transfer-encoding", "expect"))


class _Sink:
    """Callbacks of llhttp for one head."""

    __slots__ = ("framing", "is_complete", "pairs")

    def __init__(self) -> None:
        self.pairs: list[tuple[str, str]] = []
        #: Headers that decide where the request ends and whom it is for.
        self.framing: dict[str, str] = {}
        self.is_complete = False

    def on_header(self, raw_name: bytes, raw_value: bytes) -> None:
        name = _LOWER.get(raw_name) or raw_name.lower().decode("latin-1")
        # llhttp removes white space before the value only.
        value = raw_value.decode("latin-1").rstrip(" \t")
        self.pairs.append((name, value))
        if name in _AT_MOST_ONCE:
            if name in self.framing:
                raise RequestRefused(400, "BadRequest", f"The header {name} was sent twice.")
            self.framing[name] = value

    def on_headers_complete(self) -> None:
        self.is_complete = True


def parse_head(raw: bytes, limits: HttpLimits) -> Head:
    """Return the head in `raw`, which ends with the first empty line.

    Raises
        RequestRefused: the head is malformed, too large, or asks for what no handler is asked.
    """
    sink = _Sink()
    parser = cast(_Parser, httptools.HttpRequestParser(sink))
    try:
        parser.feed_data(raw)
    except httptools.HttpParserUpgrade:
        # An offer to change protocols may be ignored (RFC 9110 section 7.8); CONNECT is not an
        # offer and is refused below.
        pass
    except httptools.HttpParserCallbackError as exc:
        if isinstance(exc.__context__, RequestRefused):
            raise exc.__context__ from None
        raise
    except httptools.HttpParserError as exc:
        raise RequestRefused(400, "BadRequest", f"The request head is malformed: {exc}.") from exc
    if not sink.is_complete:
        raise RequestRefused(400, "BadRequest", "The request head is incomplete.")
    if len(sink.pairs) > limits.headers_max:
        raise RequestRefused(431, "HeadersTooLarge", "The request has too many headers.")
    method, target, is_http10 = _split_request_line(raw)
    framing = sink.framing
    host = framing.get("host")
    _check_host(host, is_http10)
    path, query = _split_target(target, method, host)
    headers = Headers(sink.pairs)
    return Head(
        method,
        path,
        query,
        headers,
        _decide_length(framing, is_http10, limits.body_bytes_max),
        is_http10,
        _decide_keep_alive(headers.get("connection"), is_http10),
        _decide_continue(framing.get("expect"), is_http10),
    )


def _split_request_line(raw: bytes) -> tuple[str, bytes, bool]:
    """Return method, target and whether the version is 1.0; llhttp has accepted the line."""
    # Exactly one space between the parts: llhttp skips more, others read them differently.
    parts = raw[: raw.index(b"\r\n")].split(b" ")
    if len(parts) != 3:
        # Two parts are HTTP/0.9, which has no headers and no status.
        raise RequestRefused(400, "BadRequest", "The request line is malformed.")
    method, target, version = parts
    if version != b"HTTP/1.1" and version != b"HTTP/1.0":
        raise RequestRefused(505, "VersionNotSupported", "The HTTP version is not supported.")
    if method == b"CONNECT":
        raise RequestRefused(405, "MethodNotAllowed", "CONNECT is not supported.")
    return _METHODS.get(method) or method.decode("latin-1"), target, version == b"HTTP/1.0"


def _split_target(target: bytes, method: str, host: str | None) -> tuple[bytes, bytes]:
    """Return raw path and query of the four forms of a request target."""
    if b"#" in target:
        raise RequestRefused(400, "BadRequest", "The request target has a fragment.")
    if not target.startswith(b"/"):
        if target == b"*" and method == "OPTIONS":
            return b"*", b""
        absolute = _ABSOLUTE.match(target)
        if absolute is None:
            raise RequestRefused(400, "BadRequest", "The form of the request target is wrong.")
        # The authority would have to replace Host, which the client signed: they must agree.
        authority = absolute.group(1).decode("latin-1")
        if host is not None and authority.lower() != host.lower():
            raise RequestRefused(400, "BadRequest", "Host differs from the request target.")
        target = target[absolute.end() :]
        if not target.startswith(b"/"):
            target = b"/" + target
    path, _, query = target.partition(b"?")
    return path, query


def _check_host(host: str | None, is_http10: bool) -> None:
    if host is None:
        if not is_http10:
            raise RequestRefused(400, "BadRequest", "The header host is missing.")
    elif not _HOST.fullmatch(host):
        raise RequestRefused(400, "BadRequest", "The header host is malformed.")


def _decide_length(framing: dict[str, str], is_http10: bool, length_bytes_max: int) -> int | None:
    """Return the length of the body, None with chunked coding. RFC 9112 section 6.3."""
    coding = framing.get("transfer-encoding")
    length = framing.get("content-length")
    if coding is not None:
        if length is not None or is_http10:
            raise RequestRefused(400, "BadRequest", "The length of the body is ambiguous.")
        if coding.lower() != "chunked":
            raise RequestRefused(501, "NotImplemented", "The transfer coding is not supported.")
        return None
    if length is None:
        return 0
    # `isdigit` alone would let superscripts of latin-1 pass.
    if not (length.isascii() and length.isdigit() and len(length) <= _LENGTH_DIGITS_MAX):
        raise RequestRefused(400, "BadRequest", "The header content-length is malformed.")
    if int(length) > length_bytes_max:
        raise RequestRefused(413, "EntityTooLarge", "The body is too large.")
    return int(length)


def _decide_keep_alive(connection: str | None, is_http10: bool) -> bool:
    if connection is None:
        return not is_http10
    options = {option.strip().lower() for option in connection.split(",")}
    if "close" in options:
        return False
    return not is_http10 or "keep-alive" in options


def _decide_continue(expect: str | None, is_http10: bool) -> bool:
    # HTTP/1.0 clients do not know 100 (RFC 9110 section 10.1.1).
    if expect is None or is_http10:
        return False
    if expect.lower() != "100-continue":
        raise RequestRefused(417, "ExpectationFailed", "The expectation is not supported.")
    return True
