"""Drive a Handler, or one server connection, without a network.

`ask` builds a Request, calls the handler and reads the whole response, checking what every handler
owes the server: the promised length, no framing headers, `on_sent` called once by the reader.
`FakeTransport` records what a connection writes and does; `open_wire` serves a connection over it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

from atoll.base.errors import IncompleteBody
from atoll.http.connection import Connection
from atoll.http.conversation import Conversation
from atoll.http.limits import HttpLimits
from atoll.http.messages import Handler, Headers, Request, Response
from atoll.http.render import HttpDate
from atoll.http.service import HttpService, Load, RequestIds
from atoll.telemetry.exchange import Exchange

_FRAMING = {"date", "server", "connection", "content-length", "transfer-encoding"}


class ChunksBody:
    """A RawBody that arrives in pieces; `whole` stays None as for a large body."""

    def __init__(self, chunks: Iterable[bytes], *, length_bytes: int | None = None) -> None:
        self.chunks = list(chunks)
        self.length_bytes: int | None = length_bytes
        self.whole: bytes | None = None
        #: Chunks handed out; tells whether a handler read the body.
        self.read_count = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        sent = 0
        for chunk in self.chunks:
            self.read_count += 1
            sent += len(chunk)
            yield chunk
        if self.length_bytes is not None and sent != self.length_bytes:
            raise IncompleteBody(expected=self.length_bytes, found=sent)


class WholeRawBody:
    """A RawBody that had arrived before the handler was called."""

    def __init__(self, content: bytes) -> None:
        self.length_bytes: int | None = len(content)
        self.whole: bytes | None = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        assert self.whole is not None
        if self.whole:
            yield self.whole


class Answered:
    """A response, read to its end."""

    def __init__(self, response: Response, body: bytes) -> None:
        self.status = response.status
        self.headers = list(response.headers)
        self.body = body
        self.length_bytes = response.length_bytes
        self.action = response.action
        self.principal = response.principal

    def get(self, name: str) -> str | None:
        """Return the first header of this name, in any case."""
        lower = name.lower()
        return next((value for key, value in self.headers if key.lower() == lower), None)


def make_request(
    method: str,
    url: str | bytes,
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    body: bytes | Iterable[bytes] | ChunksBody = b"",
    *,
    peer: str = "127.0.0.1",
    is_tls: bool = False,
    request_id: str = "0123456789ABCDEF",
) -> Request:
    """Return a request as the server would build it.

    `url` is the raw target (`/bucket/key?query`). Bytes become a `whole` body; an iterable of bytes
    a streamed one. Host and Content-Length are added unless given.
    """
    target = url.encode("ascii") if isinstance(url, str) else url
    path, _, query = target.partition(b"?")
    items = headers.items() if isinstance(headers, Mapping) else headers
    pairs = [(name.lower(), value) for name, value in items]
    names = {name for name, _ in pairs}
    raw_body: ChunksBody | WholeRawBody
    if isinstance(body, bytes):
        raw_body = WholeRawBody(body)
    elif isinstance(body, ChunksBody):
        raw_body = body
    else:
        chunks = list(body)
        raw_body = ChunksBody(chunks, length_bytes=sum(map(len, chunks)))
    if "host" not in names:
        pairs.insert(0, ("host", "127.0.0.1:9000"))
    if raw_body.length_bytes and "content-length" not in names:
        pairs.append(("content-length", str(raw_body.length_bytes)))
    return Request(
        method=method,
        path=path,
        query=query,
        headers=Headers(pairs),
        body=raw_body,
        peer=peer,
        is_tls=is_tls,
        request_id=request_id,
    )


async def read_response(response: Response, method: str = "GET") -> Answered:
    """Read a response to its end and call `on_sent`, as the server would."""
    names = [name.lower() for name, _ in response.headers]
    assert not _FRAMING.intersection(names), f"headers of the server: {names}"
    for name, value in response.headers:
        assert not set("\r\n\0").intersection(name + value), (name, value)
        f"{name}{value}".encode("latin-1")
    try:
        if isinstance(response.content, bytes):
            body = response.content
        else:
            body = b"".join([bytes(chunk) async for chunk in response.content])
    finally:
        if response.on_sent is not None:
            await response.on_sent()
    if method == "HEAD" or response.status in (204, 304):
        assert body == b"", "content where none may be sent"
    elif response.length_bytes is not None:
        assert len(body) == response.length_bytes, (len(body), response.length_bytes)
    return Answered(response, body)


async def ask(
    handler: Handler,
    method: str,
    url: str | bytes,
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    body: bytes | Iterable[bytes] | ChunksBody = b"",
    *,
    peer: str = "127.0.0.1",
    is_tls: bool = False,
    request_id: str = "0123456789ABCDEF",
) -> Answered:
    """Send one request to a handler and return its response, read to its end."""
    request = make_request(
        method, url, headers, body, peer=peer, is_tls=is_tls, request_id=request_id
    )
    return await read_response(await handler(request), method)


class FakeTransport(asyncio.Transport):
    """A transport whose client is the test.

    With `is_stalled` the client takes nothing: writes pile up and the protocol is paused above the
    high-water mark.
    """

    def __init__(self, *, peer: str = "127.0.0.1") -> None:
        super().__init__()
        self.peer = peer
        self.written = bytearray()
        #: Objects given to `write`, to see what was copied.
        self.writes: list[bytes | bytearray | memoryview] = []
        self.is_closed = False
        self.is_aborted = False
        self.is_eof_written = False
        self.is_stalled = False
        self.pending_bytes = 0
        self.reading = True
        self.protocol: asyncio.Protocol | None = None
        self._high = 64 * 1024

    def connect(self, protocol: asyncio.Protocol) -> None:
        """Tell the protocol that the connection is there."""
        self.protocol = protocol
        protocol.connection_made(self)

    def feed(self, data: bytes) -> None:
        """Send bytes as the client."""
        assert self.protocol is not None
        self.protocol.data_received(data)

    def lose(self, error: Exception | None = None) -> None:
        """Let the client go away."""
        assert self.protocol is not None
        self.is_closed = True
        self.protocol.connection_lost(error)

    def flush(self) -> None:
        """Let the client take everything that waits."""
        assert self.protocol is not None
        self.is_stalled = False
        was_paused = self.pending_bytes > self._high
        self.pending_bytes = 0
        if was_paused:
            self.protocol.resume_writing()
        if self.is_closed:
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert self.protocol is not None
        if self.is_closed:
            return
        self.writes.append(data)
        self.written += data
        if self.is_stalled:
            was_paused = self.pending_bytes > self._high
            self.pending_bytes += len(data)
            if not was_paused and self.pending_bytes > self._high:
                self.protocol.pause_writing()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        for data in list_of_data:
            self.write(data)

    def get_write_buffer_size(self) -> int:
        return self.pending_bytes

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = 64 * 1024 if high is None else high

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_reading(self) -> bool:
        return self.reading

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.is_eof_written = True

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            if self.pending_bytes == 0:
                self._end()

    def abort(self) -> None:
        self.is_aborted = True
        was_closed, self.is_closed = self.is_closed, True
        if not was_closed or self.pending_bytes:
            self.pending_bytes = 0
            self._end()

    def get_extra_info(self, name: str, default: object = None) -> object:
        return (self.peer, 40000) if name == "peername" else default

    def _end(self) -> None:
        assert self.protocol is not None
        asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)


async def settle(turns: int = 12) -> None:
    """Let every task run until it waits for the outside."""
    for _ in range(turns):
        await asyncio.sleep(0)


class FixedClock:
    """A clock that stands still until it is told."""

    def __init__(self, time_ns: int = 1_704_164_645_000_000_000) -> None:
        self.now_ns = time_ns

    def time_ns(self) -> int:
        return self.now_ns

    def monotonic_s(self) -> float:
        return self.now_ns / 1e9


class CountingEntropy:
    """Entropy that counts: 0, 1, 2 …"""

    def __init__(self) -> None:
        self.drawn = -1

    def random_u64(self) -> int:
        self.drawn += 1
        return self.drawn

    def random_bytes(self, count: int) -> bytes:
        return self.random_u64().to_bytes(count, "big")


def render_plain_error(status: int, code: str, message: str, request_id: str) -> Response:
    """Answer errors of the server as `CODE: message`."""
    return Response(status, [("x-request-id", request_id)], f"{code}: {message}".encode())


class Wire:
    """A served connection whose client is the test."""

    def __init__(
        self, handler: Handler, *, limits: HttpLimits, is_shed: bool, is_tls: bool
    ) -> None:
        self.transport = FakeTransport()
        self.exchanges: list[Exchange] = []
        self.load = Load()
        self.service = HttpService(
            handler=handler,
            render_error=render_plain_error,
            clock=FixedClock(),
            entropy=CountingEntropy(),
            limits=limits,
            observers=(self.exchanges.append,),
        )
        ids = RequestIds(self.service.entropy)
        self.connection = Connection(
            limits, ids.draw, peer="192.0.2.7", is_tls=is_tls, is_shed=is_shed
        )
        self.conversation = Conversation(
            self.connection, self.service, self.load, HttpDate(self.service.clock), ids
        )
        self._elapsed_s = 0.0

    async def send(self, *pieces: bytes) -> bytes:
        """Send bytes as the client, piece by piece; return what came back for them."""
        before = len(self.transport.written)
        for piece in pieces:
            self.transport.feed(piece)
            await settle()
        return bytes(self.transport.written[before:])

    async def wait_s(self, seconds: float) -> None:
        """Let time pass, tick by tick."""
        loop = asyncio.get_running_loop()
        for _ in range(int(seconds)):
            self._elapsed_s += 1.0
            self.connection.tick(loop.time() + self._elapsed_s, 1.0)
            await settle()


@asynccontextmanager
async def open_wire(
    handler: Handler,
    *,
    limits: HttpLimits | None = None,
    is_shed: bool = False,
    is_tls: bool = False,
) -> AsyncIterator[Wire]:
    """Serve one connection over a FakeTransport until the block ends."""
    wire = Wire(handler, limits=limits or HttpLimits(), is_shed=is_shed, is_tls=is_tls)
    wire.transport.connect(wire.connection)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(wire.conversation.run())
        await settle()
        try:
            yield wire
        finally:
            task.cancel()
