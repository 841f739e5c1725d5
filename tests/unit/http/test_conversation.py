"""The boundary to the front end: errors, accounting, what keeps a connection alive."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from atoll.http.limits import HttpLimits
from atoll.http.messages import Handler, Request, Response
from fakes.http import open_wire, settle

GET = b"GET /k?X-Amz-Signature=s HTTP/1.1\r\nHost: a\r\n\r\n"


def answers(response: Response) -> Handler:
    async def handler(request: Request) -> Response:
        return response

    return handler


async def pieces(
    *parts: bytes | memoryview, error: Exception | None = None
) -> AsyncIterator[bytes | memoryview]:
    for part in parts:
        yield part
    if error is not None:
        raise error


def test_a_failing_handler_is_answered_500_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def test() -> None:
        async def handler(request: Request) -> Response:
            raise RuntimeError("front end broke")

        async with open_wire(handler) as wire:
            answer = await wire.send(GET)
            assert answer.startswith(b"HTTP/1.1 500 ")
            assert b"front end broke" not in answer
            assert not wire.transport.is_closed
            assert wire.load.in_flight == 0

    asyncio.run(test())
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_on_sent_is_awaited_once_whatever_happens() -> None:
    async def test(content: AsyncIterator[bytes | memoryview] | bytes, lose: bool) -> None:
        calls: list[int] = []

        async def on_sent() -> None:
            calls.append(1)

        gate = asyncio.Event()
        response = Response(200, [], content, length_bytes=4, on_sent=on_sent)

        async def handler(request: Request) -> Response:
            await gate.wait()
            return response

        async with open_wire(handler) as wire:
            await wire.send(GET)
            if lose:
                wire.transport.lose()
            gate.set()
            await settle()
        assert calls == [1]

    for lose in (False, True):
        asyncio.run(test(b"abcd", lose))
        asyncio.run(test(pieces(b"ab", b"cd"), lose))
        asyncio.run(test(pieces(b"ab"), lose))
        asyncio.run(test(pieces(b"ab", error=OSError("gone")), lose))


@pytest.mark.parametrize(
    "content",
    [
        lambda: pieces(b"ab"),
        lambda: pieces(b"ab", b"cde"),
        lambda: pieces(b"ab", error=OSError("drive")),
    ],
)
def test_broken_content_aborts_and_is_never_padded(
    content: type, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async with open_wire(answers(Response(200, [], content(), length_bytes=4))) as wire:
            await wire.send(GET)
            assert wire.transport.is_aborted
            assert wire.transport.written.endswith(b"\r\n\r\nab")
            assert not wire.exchanges[0].is_complete

    asyncio.run(test())
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    "response",
    [
        lambda: Response(200, [], pieces(error=OSError("drive")), length_bytes=4),
        lambda: Response(200, [], pieces(), length_bytes=4),
        lambda: Response(200, [], b"abc", length_bytes=4),
        lambda: Response(200, [("x-meta", "a\r\nset-cookie: b")], b""),
        lambda: Response(200, [("x-meta", "a\nb")], b""),
        lambda: Response(200, [("x-meta", "a\0b")], b""),
        lambda: Response(200, [("x\r\ny", "a")], b""),
        lambda: Response(200, [("x-meta", "\u20ac")], b""),
        lambda: Response(299, [], b""),
    ],
)
def test_what_breaks_before_the_head_is_answered_500(
    response: type, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async with open_wire(answers(response())) as wire:
            answer = await wire.send(GET)
            assert answer.startswith(b"HTTP/1.1 500 ")
            assert b"Connection: close\r\n" in answer
            assert b"set-cookie" not in answer
            assert wire.exchanges[0].status == 500
            assert wire.transport.is_closed

    asyncio.run(test())
    assert len(caplog.records) == 1


def test_requests_beyond_the_limit_are_turned_away_while_others_run() -> None:
    async def test() -> None:
        limits = HttpLimits(requests_in_flight_max=1)
        async with open_wire(answers(Response(200, [], b"ok")), limits=limits) as wire:
            wire.load.in_flight = 1
            answer = await wire.send(GET)
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"SlowDown" in answer
            assert not wire.transport.is_closed
            assert wire.load.shed_requests == 1
            wire.load.in_flight = 0
            assert (await wire.send(GET)).startswith(b"HTTP/1.1 200 ")

    asyncio.run(test())


def test_a_connection_beyond_the_limit_gets_one_503() -> None:
    async def test() -> None:
        async with open_wire(answers(Response(200, [], b"ok")), is_shed=True) as wire:
            answer = await wire.send(GET + GET)
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"Connection: close\r\n" in answer
            assert answer.count(b"HTTP/1.1") == 1
            assert wire.transport.is_closed

    asyncio.run(test())


def test_http10_connections() -> None:
    async def test() -> None:
        async with open_wire(answers(Response(200, [], b"ok"))) as wire:
            answer = await wire.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert b"Connection: keep-alive\r\n" in answer
            answer = await wire.send(b"GET / HTTP/1.0\r\n\r\n")
            assert b"Connection: close\r\n" in answer
            assert wire.transport.is_closed
        stream = Response(200, [], pieces(b"ab", b"cd"))
        async with open_wire(answers(stream)) as wire:
            answer = await wire.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert b"Transfer-Encoding" not in answer
            assert answer.endswith(b"\r\n\r\nabcd")
            assert wire.transport.is_closed

    asyncio.run(test())


def test_the_exchange_tells_what_happened() -> None:
    async def test() -> None:
        async def handler(request: Request) -> Response:
            response = Response(200, [], b"hello")
            response.action, response.principal = "GetObject", "AKID"
            return response

        async with open_wire(handler) as wire:
            answer = await wire.send(
                b"PUT /k?q HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
            )
            (exchange,) = wire.exchanges
            assert (exchange.method, exchange.path, exchange.status) == ("PUT", b"/k", 200)
            assert (exchange.action, exchange.principal) == ("GetObject", "AKID")
            assert (exchange.bytes_in, exchange.bytes_out) == (3, len(answer))
            assert exchange.peer == "192.0.2.7"
            assert exchange.is_complete

    asyncio.run(test())


def test_cancelling_closes_the_connection_and_the_content() -> None:
    async def test() -> None:
        closed: list[int] = []

        async def content() -> AsyncIterator[bytes | memoryview]:
            try:
                yield b"ab"
                await asyncio.Event().wait()
            finally:
                closed.append(1)

        async with open_wire(answers(Response(200, [], content(), length_bytes=4))) as wire:
            await wire.send(GET)
        assert wire.transport.is_aborted
        assert closed == [1]

    asyncio.run(test())
