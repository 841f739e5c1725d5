"""One client connection: bytes in, requests out, in their order.

Owns      the input of a connection, where a request begins and ends, when reading pauses, and the
          timeouts of a client that sends or takes too little.
Does not  call handlers (conversation) or know what a response is (sending).
Invariant one request at a time: the next head is parsed when the response to the last one was
          written. After the first malformed byte nothing more is parsed.
Tasks     transport callbacks and `tick` feed; one task, the conversation, takes requests, reads
          bodies and writes. No lock: each callback runs to its end without an await.
States    IDLE → HEAD (a head began) → COLLECT (a small body is awaited) → BUSY (a request was
          taken, or waits to be) → IDLE … → LINGER (the last answer was given, input is dropped).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum
from math import inf
from typing import Final, cast

from atoll.base.errors import IncompleteBody, StoreError, TooLarge
from atoll.http.body import ArrivedBody, IncomingBody
from atoll.http.head import Head, RequestRefused, parse_head
from atoll.http.limits import HttpLimits
from atoll.http.messages import RawBody, Request
from atoll.http.pace import TakePace
from atoll.http.render import CONTINUE

_CUT_SHORT: Final = (
    "You did not provide the number of bytes specified by the Content-Length HTTP header"
)


class Phase(Enum):
    """Where a connection stands between two requests."""

    IDLE = 1
    HEAD = 2
    COLLECT = 3
    BUSY = 4
    LINGER = 5


class Connection(asyncio.Protocol):
    """The protocol of one connection."""

    def __init__(
        self,
        limits: HttpLimits,
        make_request_id: Callable[[], str],
        *,
        peer: str,
        is_tls: bool,
        is_shed: bool = False,
    ) -> None:
        self._limits = limits
        self._make_request_id = make_request_id
        self.peer = peer
        self.is_tls = is_tls
        #: Beyond the limit of connections: its first request is answered 503.
        self.is_shed = is_shed
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._input = b""
        self._scanned = 0
        self._phase = Phase.IDLE
        self._deadline = inf
        self._message: Request | RequestRefused | None = None
        self._message_waiter: asyncio.Future[None] | None = None
        #: A request was taken from here and is not answered yet.
        self._is_taken = False
        #: Head and unfinished body of the request in work.
        self.head: Head | None = None
        self.body: IncomingBody | None = None
        self.is_lost = False
        self.is_stopping = False
        self._is_eof = False
        self._is_broken = False
        self._is_reading = True
        self._is_body_paused = False
        self._is_write_paused = False
        self._is_continue_sent = False
        self._waiter: asyncio.Future[None] | None = None
        #: Bytes given to the transport so far.
        self.sent_bytes = 0
        self._pace = TakePace(limits)

    # ── the transport's side ───────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first request."""
        self._transport = cast(asyncio.Transport, transport)
        high = self._limits.write_buffer_bytes
        self._transport.set_write_buffer_limits(high=high, low=high // 4)
        self._deadline = self._loop.time() + self._limits.head_timeout_s

    def data_received(self, data: bytes) -> None:
        """Give bytes to the body in work, or keep them and look for a head."""
        if self._is_broken or self._phase is Phase.LINGER:
            return
        body = self.body
        if body is not None and not body.is_complete:
            if body.has_failed:
                return
            rest = self._feed(body, data)
            if not rest:
                return
            data = rest
        self._input = self._input + data if self._input else data
        if self._phase in (Phase.IDLE, Phase.HEAD):
            self._parse()
        else:
            self._update_reading()

    def eof_received(self) -> bool:
        """Keep the connection for the answer when the client has only stopped sending."""
        self._is_eof = True
        self._fail_body()
        if self._phase is Phase.COLLECT and not self.is_tls:
            # Half a request must not act, so no handler sees it.
            self._refuse(RequestRefused(400, "IncompleteBody", _CUT_SHORT))
        if self._phase is not Phase.BUSY or self.is_tls:
            self._wake_message()
            return False
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake everyone who waits for the client."""
        self.is_lost = True
        self._fail_body()
        self._wake_message()
        self._wake()

    def pause_writing(self) -> None:
        """Note that the client takes less than is written."""
        self._is_write_paused = True
        self._pace.restart()

    def resume_writing(self) -> None:
        """Let the response go on."""
        self._is_write_paused = False
        self._wake()

    # ── requests in ────────────────────────────────────────────────────────────────────────────

    async def next_message(self) -> Request | RequestRefused | None:
        """Return the next request or what is wrong with it; None when no more will come.

        Calling it says that the last response was written and its body read or discarded.
        """
        if self._is_taken:
            self._is_taken = False
            self.head = self.body = None
            self._phase = Phase.IDLE
            self._deadline = self._loop.time() + self._limits.idle_timeout_s
        if self._input and self._message is None:
            self._parse()
        while self._message is None and not self._is_at_end():
            self._message_waiter = self._loop.create_future()
            await self._message_waiter
        message, self._message = self._message, None
        self._is_taken = message is not None
        return message

    def _is_at_end(self) -> bool:
        if self.is_lost or self._is_eof or self._phase is Phase.LINGER:
            return True
        return self.is_stopping and self._phase is Phase.IDLE

    def _parse(self) -> None:
        """Take one head, and the body as far as it has arrived, from the input."""
        data = self._input
        if data.startswith(b"\r\n"):
            # An empty line before the request line is ignored (RFC 9112 section 2.2).
            self._input = data = data[2:]
        end = data.find(b"\r\n\r\n", self._scanned)
        if self._phase is Phase.IDLE and data:
            self._phase = Phase.HEAD
            self._deadline = self._loop.time() + self._limits.head_timeout_s
        try:
            self._check_size(data, end)
            if end < 0:
                self._scanned = max(0, len(data) - 3)
                return
            rest = data[end + 4 :]
            head = parse_head(data[: end + 4] if rest else data, self._limits)
        except RequestRefused as refused:
            self._refuse(refused)
            return
        self._scanned = 0
        self._input = b""
        self.head = head
        self._is_continue_sent = False
        self._deadline = inf
        self._start_body(head, rest)

    def _check_size(self, data: bytes, end: int) -> None:
        """Refuse a head that is, or will be, too large, and input that cannot become a head."""
        limits = self._limits
        if not data[:1].isalpha() and data:
            # Most likely a TLS client: without this it would wait for the timeout.
            raise RequestRefused(400, "BadRequest", "The request head is malformed.")
        size = len(data) if end < 0 else end + 4
        if size <= limits.target_bytes_max:
            return
        if data.find(b"\r\n", 0, limits.target_bytes_max) < 0:
            raise RequestRefused(414, "UriTooLong", "The request line is too long.")
        if size > limits.head_bytes_max:
            raise RequestRefused(431, "HeadersTooLarge", "The request headers are too large.")

    def _start_body(self, head: Head, rest: bytes) -> None:
        """Decide whether the handler gets the body whole or as a stream."""
        length = head.length_bytes
        if length is not None and len(rest) >= length:
            # The request lies here as a whole, the common case: no stream is made for it.
            self._input = rest[length:]
            self._offer(ArrivedBody(rest[:length] if self._input else rest))
            return
        self.body = body = IncomingBody(
            self, self._limits, length_bytes=length, is_continue_awaited=head.is_continue_expected
        )
        self._phase = Phase.COLLECT
        if rest:
            self._input = self._feed(body, rest)
        if self._phase is not Phase.COLLECT or self._is_broken:
            return
        is_small = length is not None and length <= self._limits.whole_bytes_max
        if body.is_continue_awaited or not is_small:
            self._offer(body)

    def _feed(self, body: IncomingBody, data: bytes) -> bytes:
        """Give `data` to the body; return what lies behind it."""
        try:
            rest = body.feed(data)
        except StoreError as error:
            self._is_broken = True
            if self._phase is Phase.COLLECT:
                is_size = isinstance(error, TooLarge)
                status, code = (413, "EntityTooLarge") if is_size else (400, "BadRequest")
                self._refuse(RequestRefused(status, code, error.message))
            return b""
        if body.is_complete and self._phase is Phase.COLLECT:
            body.collect()
            self._offer(body)
        return rest

    def _offer(self, body: RawBody) -> None:
        head = self.head
        assert head is not None
        self._phase = Phase.BUSY
        self._message = Request(
            method=head.method,
            path=head.path,
            query=head.query,
            headers=head.headers,
            body=body,
            peer=self.peer,
            is_tls=self.is_tls,
            request_id=self._make_request_id(),
        )
        self._wake_message()
        self._update_reading()

    def _refuse(self, refused: RequestRefused) -> None:
        self._is_broken = True
        self._input = b""
        self._phase = Phase.BUSY
        self._deadline = inf
        self._message = refused
        self._wake_message()

    def _wake_message(self) -> None:
        waiter, self._message_waiter = self._message_waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _fail_body(self) -> None:
        if self.body is not None:
            self.body.fail(IncompleteBody("The client closed the connection within the body."))

    # ── flow of the body ───────────────────────────────────────────────────────────────────────

    def send_continue(self) -> None:
        """Tell the client to send the body."""
        self._is_continue_sent = True
        self.write(CONTINUE)

    @property
    def is_continue_owed(self) -> bool:
        """Whether the client asked for `100 Continue` and has not got it."""
        head = self.head
        return head is not None and head.is_continue_expected and not self._is_continue_sent

    def pause_body(self) -> None:
        """Stop reading: the handler is slower than the client."""
        self._is_body_paused = True
        self._update_reading()

    def resume_body(self) -> None:
        """Read on."""
        self._is_body_paused = False
        self._update_reading()

    def _update_reading(self) -> None:
        """Read while the body has room and few requests wait for their turn."""
        wanted = not self._is_body_paused and len(self._input) <= self._limits.ahead_bytes_max
        if wanted is not self._is_reading and self._transport is not None and not self.is_lost:
            self._is_reading = wanted
            if wanted:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    # ── responses out ──────────────────────────────────────────────────────────────────────────

    def write(self, data: bytes | memoryview) -> None:
        """Send bytes; nothing happens when the client is gone."""
        if self.is_lost or self._transport is None:
            return
        self.sent_bytes += len(data)
        self._transport.write(data)

    def writelines(self, pieces: list[bytes | memoryview]) -> None:
        """Send bytes without joining them; `memoryview`s are of single bytes."""
        if self.is_lost or self._transport is None:
            return
        self.sent_bytes += sum(map(len, pieces))
        self._transport.writelines(pieces)

    @property
    def body_bytes(self) -> int:
        """Content of the request in work that has arrived."""
        if self.body is not None:
            return self.body.received_bytes
        return 0 if self.head is None else self.head.length_bytes or 0

    @property
    def is_congested(self) -> bool:
        """Whether more than `write_buffer_bytes` wait for the client."""
        return self._is_write_paused

    async def drain(self) -> None:
        """Wait until the client has taken enough, or is gone."""
        while self._is_write_paused and not self.is_lost:
            await self._wait()

    async def close(self, *, is_lingering: bool) -> None:
        """Close once everything written was taken; return when closed.

        Lingering drops input for a while: closing over unread input makes the kernel send a reset
        that may overtake the response.
        """
        if self._transport is not None and not self.is_lost:
            if is_lingering and not self._is_eof:
                self._phase = Phase.LINGER
                self._deadline = self._loop.time() + self._limits.linger_s
                self._input = b""
                self._is_body_paused = False
                self._update_reading()
                if self._transport.can_write_eof():
                    self._transport.write_eof()
            else:
                self._phase = Phase.LINGER
                self._transport.close()
        while not self.is_lost and self._transport is not None:
            await self._wait()

    def abort(self) -> None:
        """Close at once; what was not taken is lost."""
        if self._transport is not None and not self.is_lost:
            self._transport.abort()

    def stop(self) -> None:
        """Take no further request; an idle connection ends at once."""
        self.is_stopping = True
        if self._phase is Phase.IDLE:
            self._wake_message()

    async def _wait(self) -> None:
        assert self._waiter is None, "a connection has one writer"
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # ── time ───────────────────────────────────────────────────────────────────────────────────

    def tick(self, now_s: float, elapsed_s: float) -> None:
        """Judge the client; called every `tick_s` with the time of the loop."""
        transport = self._transport
        if transport is None or self.is_lost:
            return
        body = self.body
        if body is not None and body.tick(elapsed_s):
            self._is_broken = True
            body.fail_slow()
            if self._phase is Phase.COLLECT:
                self._refuse(RequestRefused(408, "RequestTimeout", "The body came too slowly."))
        if self._is_write_paused or transport.is_closing():
            taken = self.sent_bytes - transport.get_write_buffer_size()
            if self._pace.is_too_slow(elapsed_s, taken_bytes=taken):
                transport.abort()
        if now_s >= self._deadline:
            self._expire(transport)

    def _expire(self, transport: asyncio.Transport) -> None:
        self._deadline = inf
        if self._phase is Phase.HEAD:
            self._refuse(RequestRefused(408, "RequestTimeout", "The head came too slowly."))
        elif self._phase is Phase.IDLE:
            # Nothing was asked, so nothing is answered.
            self._phase = Phase.LINGER
            self._wake_message()
        else:
            transport.close()
