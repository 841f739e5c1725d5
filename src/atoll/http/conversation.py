"""Answer the requests of one connection, one after another.

Owns      the boundary to the front ends: their exceptions end here, are logged once and answered
          500; `on_sent` of each response is awaited exactly once; what is in flight is counted.
Does not  parse (connection) or encode (render, sending).
Invariant the connection lives on only if the response was sent to its end and no byte of the
          request's body can be taken for the next request.
Tasks     `run` is one task per connection, in the task group of the server.
"""

from __future__ import annotations

import logging
from enum import Enum
from typing import Final

from atoll.http.connection import Connection
from atoll.http.head import Head, RequestRefused
from atoll.http.messages import Request, Response
from atoll.http.render import HttpDate, encode_head, framing_line
from atoll.http.sending import send_stream, send_whole
from atoll.http.service import HttpService, Load, RequestIds
from atoll.telemetry.exchange import Exchange

_LOG: Final = logging.getLogger(__name__)
_CLOSE: Final = "Connection: close\r\n"
_KEEP_ALIVE: Final = "Connection: keep-alive\r\n"


class _Rest(Enum):
    """What to do with the part of a body that the handler did not read."""

    NONE = 1
    DRAIN = 2
    CLOSE = 3


class Conversation:
    """The exchanges of one connection."""

    __slots__ = (
        "_connection",
        "_date",
        "_load",
        "_request_ids",
        "_sent_before",
        "_service",
        "_start_ns",
        "_start_s",
    )

    def __init__(
        self,
        connection: Connection,
        service: HttpService,
        load: Load,
        date: HttpDate,
        request_ids: RequestIds,
    ) -> None:
        self._connection = connection
        self._service = service
        self._load = load
        self._date = date
        self._request_ids = request_ids
        # Of the exchange in work.
        self._start_ns = 0
        self._start_s = 0.0
        self._sent_before = 0

    async def run(self) -> None:
        """Answer until one side wants no more; return when the connection is closed."""
        connection = self._connection
        is_lingering = False
        try:
            while not is_lingering:
                message = await connection.next_message()
                if message is None:
                    break
                if isinstance(message, RequestRefused):
                    await self._answer_refused(message)
                    is_lingering = True
                elif not await self._answer(message):
                    is_lingering = not self._has_ended()
                    break
            await connection.close(is_lingering=is_lingering)
        finally:
            connection.abort()

    def _has_ended(self) -> bool:
        """Whether nothing more of the last request can arrive."""
        body = self._connection.body
        return body is None or body.is_complete

    # ── one exchange ───────────────────────────────────────────────────────────────────────────

    def _start(self) -> None:
        self._start_ns = self._service.clock.time_ns()
        self._start_s = self._service.clock.monotonic_s()
        self._sent_before = self._connection.sent_bytes

    async def _answer(self, request: Request) -> bool:
        """Answer one request; return whether the connection can take another."""
        service, load = self._service, self._load
        self._start()
        if self._connection.is_shed or load.in_flight >= service.limits.requests_in_flight_max:
            load.shed_requests += 1
            response = service.render_error(
                503, "SlowDown", "The server is at its limit.", request.request_id
            )
            return await self._send(request, response)
        load.in_flight += 1
        try:
            try:
                response = await service.handler(request)
            except Exception:  # noqa: BLE001 (boundary: a front end must not end the server)
                _LOG.exception("request %s: the handler failed", request.request_id)
                response = self._internal_error(request.request_id)
            return await self._send(request, response)
        finally:
            load.in_flight -= 1

    async def _answer_refused(self, refused: RequestRefused) -> None:
        """Answer what was no request."""
        self._start()
        head = self._connection.head
        request_id = self._request_ids.draw()
        response = self._service.render_error(
            refused.status, refused.code, refused.message, request_id
        )
        method = head.method if head is not None else "-"
        response, is_complete = await self._send_safely(response, method, _CLOSE, request_id)
        path = head.path if head is not None else b""
        self._observe(request_id, method, path, response, is_complete)

    async def _send(self, request: Request, response: Response) -> bool:
        """Send the response, account for it, and deal with the rest of the body."""
        head = self._connection.head
        assert head is not None
        rest = self._settle_continue(self._decide_rest())
        is_kept = rest is not _Rest.CLOSE and self._is_kept(head, response)
        option = "" if is_kept else _CLOSE
        if is_kept and head.is_http10:
            option = _KEEP_ALIVE
        request_id = request.request_id
        sent, is_complete = response, False
        try:
            sent, is_complete = await self._send_safely(response, head.method, option, request_id)
        finally:
            if self._service.observers:
                self._observe(request_id, head.method, head.path, sent, is_complete)
        if not (is_kept and is_complete) or sent is not response:
            return False
        return rest is _Rest.NONE or await self._drain_body()

    def _is_kept(self, head: Head, response: Response) -> bool:
        """Return whether client and server want the connection to live on."""
        connection = self._connection
        if not head.is_keep_alive or connection.is_stopping or connection.is_shed:
            return False
        # Without a length only the end of the connection tells HTTP/1.0 the end.
        return not head.is_http10 or response.length_bytes is not None

    async def _send_safely(
        self, response: Response, method: str, option: str, request_id: str
    ) -> tuple[Response, bool]:
        """Send; on a broken response answer 500 if nothing was sent, else abort.

        Return the response that was sent, and whether it was sent to its end.
        """
        connection = self._connection
        sent_before = connection.sent_bytes
        try:
            return response, await self._write(response, method, option)
        except Exception:  # noqa: BLE001 (boundary: content comes from below the front end)
            _LOG.exception("request %s: the response broke off", request_id)
            if connection.sent_bytes != sent_before:
                connection.abort()
                return response, False
            failure = self._internal_error(request_id)
            return failure, await self._write(failure, method, _CLOSE)
        finally:
            if response.on_sent is not None:
                await self._tell_sent(response, request_id)

    async def _write(self, response: Response, method: str, option: str) -> bool:
        connection = self._connection
        head = connection.head
        is_http10 = head is not None and head.is_http10
        length_line = framing_line(response, is_http10=is_http10)
        encoded = encode_head(response, self._date.line(), length_line, option)
        if connection.is_congested:
            await connection.drain()
        if isinstance(response.content, bytes):
            return send_whole(connection, response, encoded, method)
        return await send_stream(connection, response, encoded, method, is_http10=is_http10)

    def _internal_error(self, request_id: str) -> Response:
        return self._service.render_error(
            500, "InternalError", "The server encountered an internal error.", request_id
        )

    async def _tell_sent(self, response: Response, request_id: str) -> None:
        on_sent, response.on_sent = response.on_sent, None
        if on_sent is None:
            return
        try:
            await on_sent()
        except Exception:  # noqa: BLE001 (boundary: the response is gone already)
            _LOG.exception("request %s: clean-up after the response failed", request_id)

    def _observe(
        self, request_id: str, method: str, path: bytes, response: Response, is_complete: bool
    ) -> None:
        connection, service = self._connection, self._service
        exchange = Exchange(
            self._start_ns,
            request_id,
            connection.peer,
            method,
            path,
            response.action,
            response.principal,
            response.status,
            connection.body_bytes,
            connection.sent_bytes - self._sent_before,
            service.clock.monotonic_s() - self._start_s,
            is_complete,
        )
        for observe in service.observers:
            observe(exchange)

    # ── the rest of the body ───────────────────────────────────────────────────────────────────

    def _decide_rest(self) -> _Rest:
        body = self._connection.body
        if body is None or body.is_complete:
            return _Rest.NONE
        # A client that was never told to send may or may not do so: the framing is lost.
        if body.has_failed or body.is_continue_awaited:
            return _Rest.CLOSE
        remaining = body.remaining_bytes
        if remaining is None or remaining > self._service.limits.drain_bytes_max:
            return _Rest.CLOSE
        return _Rest.DRAIN

    def _settle_continue(self, rest: _Rest) -> _Rest:
        """Let no connection live on whose client was owed `100 Continue`.

        The server may leave it out where nothing more can arrive (RFC 9110 section 10.1.1), but
        botocore up to 1.43 then takes the next response on this connection for headers, and waits
        for its end: every AWS CLI 1 and 2 of that time, after an empty file.
        """
        if not self._connection.is_continue_owed:
            return rest
        if rest is _Rest.NONE:
            self._connection.send_continue()
            return rest
        return _Rest.CLOSE

    async def _drain_body(self) -> bool:
        """Drop a small rest; return whether its end was found."""
        body = self._connection.body
        assert body is not None
        body.discard()
        while not body.is_complete and not body.has_failed:
            await body.wait()
        return body.is_complete
