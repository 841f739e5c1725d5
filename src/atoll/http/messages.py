"""Requests and responses as the front ends see them. No S3 word in here.

Header names are lower case; values are latin-1 decoded verbatim, without surrounding white space. A
header sent twice appears twice in `pairs`; `get` returns the first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol


class Headers:
    """Request headers in the order they came."""

    __slots__ = ("_first", "pairs")

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self.pairs = pairs
        first: dict[str, str] = {}
        for name, value in pairs:
            first.setdefault(name, value)
        self._first = first

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the first value of a header."""
        return self._first.get(name, default)

    def __contains__(self, name: str) -> bool:
        return name in self._first

    def __getitem__(self, name: str) -> str:
        return self._first[name]


class RawBody(Protocol):
    """The bytes behind the headers: transfer coding removed, content as the client framed it."""

    #: From Content-Length; None with chunked transfer coding.
    length_bytes: int | None
    #: All bytes, when they had arrived before the handler was called.
    whole: bytes | None

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the bytes; asks for them (`100 Continue`) first where the client waits.

        Raises IncompleteBody when the client goes away, ClientTooSlow when it is.
        """
        ...


class Request:
    """One request. `path` and `query` are raw, as received, still percent-encoded.

    `peer` is the address of the client without its port, an IPv4 address in IPv4 notation.
    """

    __slots__ = ("body", "headers", "is_tls", "method", "path", "peer", "query", "request_id")

    def __init__(  # noqa: PLR0913 (one constructor, one caller: the protocol)
        self,
        *,
        method: str,
        path: bytes,
        query: bytes,
        headers: Headers,
        body: RawBody,
        peer: str,
        is_tls: bool,
        request_id: str,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.peer = peer
        self.is_tls = is_tls
        self.request_id = request_id


class Response:
    """One response.

    `content` is bytes, or an iterator of chunks whose total is `length_bytes`; for a response to
    HEAD it is empty and `length_bytes` is what GET would send. `on_sent` is awaited once when the
    last byte was sent or the client went away. With `length_bytes` None the content is sent with
    chunked transfer coding.

    The server adds Date, Server, Connection, Content-Length and Transfer-Encoding; `headers` hold
    none of them. A yielded chunk belongs to the server: its memory may not be used for other bytes
    as long as the server refers to it. `action` and `principal` label the request in the access
    log and in metrics; the front end sets them when it knows them.
    """

    __slots__ = (
        "action",
        "content",
        "headers",
        "length_bytes",
        "on_sent",
        "principal",
        "status",
    )

    def __init__(
        self,
        status: int,
        headers: list[tuple[str, str]],
        content: bytes | AsyncIterator[bytes | memoryview] = b"",
        *,
        length_bytes: int | None = None,
        on_sent: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.status = status
        self.headers = headers
        self.content = content
        if length_bytes is None and isinstance(content, bytes):
            length_bytes = len(content)
        self.length_bytes = length_bytes
        self.on_sent = on_sent
        self.action = "-"
        self.principal = "-"


#: Renders an error that the server itself found: status, code, message, request id. Never raises.
#: Codes: BadRequest EntityTooLarge ExpectationFailed HeadersTooLarge InternalError
#: MethodNotAllowed NotImplemented RequestTimeout SlowDown UriTooLong VersionNotSupported.
RenderError = Callable[[int, str, str, str], Response]

#: Answers one request. Never raises: front ends turn their errors into responses.
Handler = Callable[[Request], Awaitable[Response]]
