"""The body of one request while it arrives.

Owns      bytes between the connection, which feeds, and the handler, which iterates.
Does not  parse heads or touch the transport; the connection is reached through `Flow`.
Invariant at most `body_buffer_bytes` and one network read wait here; after `fail` or the end no
          byte is accepted. One task feeds (callbacks of the transport), one iterates.
Events    the first wish for bytes asks for `100 Continue`; a full buffer pauses reading, a buffer
          below a quarter resumes it.
"""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import AsyncIterator
from typing import Protocol

from atoll.base.errors import ClientTooSlow, IncompleteBody, StoreError, TooLarge
from atoll.base.streams import CHUNK_BYTES_MAX
from atoll.http.chunked import ChunkedDecoder, ChunkedMalformed
from atoll.http.limits import HttpLimits
from atoll.http.pace import SendPace


class Flow(Protocol):
    """What a body needs of its connection."""

    def send_continue(self) -> None:
        """Tell the client to send the body."""
        ...

    def pause_body(self) -> None:
        """Stop reading from the client. May be called twice."""
        ...

    def resume_body(self) -> None:
        """Read from the client again. May be called twice."""
        ...


class ArrivedBody:
    """A RawBody that arrived together with its head."""

    __slots__ = ("length_bytes", "whole")

    def __init__(self, content: bytes) -> None:
        self.length_bytes: int | None = len(content)
        self.whole: bytes | None = content

    def __aiter__(self) -> AsyncIterator[bytes]:
        assert self.whole is not None
        return _iterate(self.whole)


class IncomingBody:
    """A RawBody that is fed by the connection."""

    __slots__ = (
        "_buffered_bytes",
        "_chunks",
        "_decoder",
        "_failure",
        "_flow",
        "_is_discarding",
        "_is_paused",
        "_limits",
        "_pace",
        "_remaining",
        "_waiter",
        "is_complete",
        "is_continue_awaited",
        "length_bytes",
        "received_bytes",
        "whole",
    )

    def __init__(
        self,
        flow: Flow,
        limits: HttpLimits,
        *,
        length_bytes: int | None,
        is_continue_awaited: bool = False,
    ) -> None:
        self._flow = flow
        self._limits = limits
        self.length_bytes = length_bytes
        self.whole: bytes | None = None
        self._decoder = ChunkedDecoder() if length_bytes is None else None
        self._remaining = length_bytes or 0
        self._chunks: deque[bytes] = deque()
        self._buffered_bytes = 0
        self._is_paused = False
        self._is_discarding = False
        self._failure: StoreError | None = None
        self._waiter: asyncio.Future[None] | None = None
        #: Bytes of content that arrived, read or not.
        self.received_bytes = 0
        #: All bytes have arrived.
        self.is_complete = length_bytes == 0
        #: The client sends nothing before `100 Continue`.
        self.is_continue_awaited = is_continue_awaited
        self._pace = SendPace(limits)

    # ── the connection's side ──────────────────────────────────────────────────────────────────

    def feed(self, data: bytes) -> bytes:
        """Take bytes from the network; return those behind the body.

        Raises
            StoreError: the framing is malformed or the body is too large; the body has failed with
                the same error and the connection cannot be used for another request.
        """
        # A client that does not wait for 100 makes it superfluous (RFC 9110 section 10.1.1).
        self.is_continue_awaited = False
        if self._decoder is not None:
            content, rest = self._decode(self._decoder, data)
        elif len(data) <= self._remaining:
            content, rest = data, b""
            self._remaining -= len(data)
            self.is_complete = self._remaining == 0
        else:
            content, rest = data[: self._remaining], data[self._remaining :]
            self._remaining = 0
            self.is_complete = True
        self._take(content)
        return rest

    def _decode(self, decoder: ChunkedDecoder, data: bytes) -> tuple[bytes, bytes]:
        try:
            content = decoder.decode(data)
        except ChunkedMalformed as exc:
            self.fail(IncompleteBody(f"The chunked transfer coding is malformed: {exc}."))
            raise self._raised() from exc
        if self.received_bytes + len(content) > self._limits.body_bytes_max:
            self.fail(TooLarge(size_bytes_max=self._limits.body_bytes_max))
            raise self._raised()
        self.is_complete = decoder.is_complete
        return content, decoder.rest

    def _take(self, content: bytes) -> None:
        self.received_bytes += len(content)
        if content and not self._is_discarding:
            self._chunks.append(content)
            self._buffered_bytes += len(content)
            if self._buffered_bytes >= self._limits.body_buffer_bytes and not self._is_paused:
                self._is_paused = True
                self._flow.pause_body()
        if content or self.is_complete:
            self._wake()

    def fail(self, error: StoreError) -> None:
        """Let the reader find `error` behind the bytes that have arrived. The first error stays."""
        if self._failure is None and not self.is_complete:
            self._failure = error
            self._wake()

    def collect(self) -> None:
        """Make what has arrived the `whole` body. Call when complete, before the handler."""
        assert self.is_complete
        self.whole = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._buffered_bytes = 0

    def discard(self) -> None:
        """Drop what has arrived and what will."""
        self._is_discarding = True
        self._chunks.clear()
        self._buffered_bytes = 0
        self._resume()

    @property
    def remaining_bytes(self) -> int | None:
        """Bytes that have not arrived; None when only the client knows."""
        return None if self._decoder is not None and not self.is_complete else self._remaining

    @property
    def has_failed(self) -> bool:
        """Whether the body ended before its end."""
        return self._failure is not None

    def tick(self, elapsed_s: float) -> bool:
        """Count `elapsed_s` of waiting for the client; return whether it is too slow.

        Time in which the server does not read, or has not asked for the body, is not counted.
        """
        if self.is_complete or self._failure is not None:
            return False
        if self._is_paused or self.is_continue_awaited:
            return False
        return self._pace.is_too_slow(elapsed_s, received_bytes=self.received_bytes)

    def fail_slow(self) -> None:
        """Fail because the client is too slow."""
        self.fail(ClientTooSlow())

    # ── the handler's side ─────────────────────────────────────────────────────────────────────

    def __aiter__(self) -> AsyncIterator[bytes]:
        if self.whole is not None:
            return _iterate(self.whole)
        return self

    async def __anext__(self) -> bytes:
        while True:
            if self._chunks:
                chunk = self._chunks.popleft()
                self._buffered_bytes -= len(chunk)
                self._resume()
                return chunk
            if self.is_complete:
                raise StopAsyncIteration
            if self._failure is not None:
                raise self._raised()
            if self.is_continue_awaited:
                self.is_continue_awaited = False
                self._flow.send_continue()
            await self.wait()

    def _raised(self) -> StoreError:
        """Return the failure to raise.

        A copy: a raised error holds the frames it went through and what they buffer. Kept here it
        would close a circle, and every upload that breaks off would stay until the collector runs.
        """
        assert self._failure is not None
        return copy.copy(self._failure)

    async def wait(self) -> None:
        """Wait until bytes, the end or a failure arrive."""
        assert self._waiter is None, "a body has one reader"
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _resume(self) -> None:
        if self._is_paused and self._buffered_bytes <= self._limits.body_buffer_bytes // 4:
            self._is_paused = False
            self._flow.resume_body()


async def _iterate(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), CHUNK_BYTES_MAX):
        yield content[start : start + CHUNK_BYTES_MAX]
