"""Raw bytes in, raw bytes out: framing, hostile input and the clock, over a fake transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from atoll.base.errors import ClientTooSlow, IncompleteBody
from atoll.http.limits import HttpLimits
from atoll.http.messages import Request, Response
from fakes.http import Wire, open_wire, settle

GET = b"GET /k?q HTTP/1.1\r\nHost: a\r\n\r\n"


def head(*lines: bytes, request: bytes = b"PUT /k HTTP/1.1") -> bytes:
    return b"\r\n".join((request, b"Host: a", *lines, b"", b""))


async def echo(request: Request) -> Response:
    """Answer what was received and how."""
    whole = request.body.whole
    body = whole if whole is not None else b"".join([chunk async for chunk in request.body])
    kind = b"whole" if whole is not None else b"stream"
    return Response(200, [], b"%b %b %b" % (request.method.encode(), kind, body))


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(test())  # type: ignore[arg-type]


def body_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("is_split", [False, True])
def test_requests_in_any_pieces(is_split: bool) -> None:
    async def test() -> None:
        data = head(b"Content-Length: 3") + b"abc"
        pieces = [bytes([byte]) for byte in data] if is_split else [data]
        async with open_wire(echo) as wire:
            assert body_of(await wire.send(GET)) == b"GET whole "
            assert body_of(await wire.send(*pieces)) == b"PUT whole abc"
            assert not wire.transport.is_closed

    run(test)


def test_head_and_small_body_are_one_write() -> None:
    async def test() -> None:
        async with open_wire(echo) as wire:
            await wire.send(GET)
            assert len(wire.transport.writes) == 1

    run(test)


def test_chunked_bodies_are_whole_when_they_arrive_whole_and_stream_otherwise() -> None:
    async def test() -> None:
        start = head(b"Transfer-Encoding: chunked")
        async with open_wire(echo) as wire:
            answer = await wire.send(start + b"3\r\nabc\r\n0\r\n\r\n")
            assert body_of(answer) == b"PUT whole abc"
            answer = await wire.send(start + b"3\r\nab", b"c\r\n0\r\n", b"\r\n" + GET)
            assert b"PUT stream abcHTTP/1.1 200" in answer
            assert answer.endswith(b"GET whole ")

    run(test)


def test_large_bodies_stream_and_small_ones_are_collected() -> None:
    async def test() -> None:
        limits = HttpLimits(whole_bytes_max=4)
        async with open_wire(echo, limits=limits) as wire:
            small = await wire.send(head(b"Content-Length: 4"), b"ab", b"cd")
            assert body_of(small) == b"PUT whole abcd"
            large = await wire.send(head(b"Content-Length: 5"), b"ab", b"cde")
            assert body_of(large) == b"PUT stream abcde"

    run(test)


def test_pipelined_requests_are_answered_in_order_one_at_a_time() -> None:
    async def test() -> None:
        running = 0

        async def handler(request: Request) -> Response:
            nonlocal running
            assert running == 0
            running += 1
            await settle(3)
            running -= 1
            return Response(200, [], request.path)

        async with open_wire(handler) as wire:
            targets = [b"/%d" % number for number in range(20)]
            answer = await wire.send(
                b"".join(head(request=b"GET %b HTTP/1.1" % target) for target in targets)
            )
            for _ in range(20):
                await settle()
            answer = bytes(wire.transport.written)
            assert [part.rpartition(b"\r\n\r\n")[2] for part in answer.split(b"HTTP/1.1 200")][
                1:
            ] == targets

    run(test)


def test_reading_pauses_when_too_much_comes_ahead_of_its_turn() -> None:
    async def test() -> None:
        gate = asyncio.Event()

        async def handler(request: Request) -> Response:
            await gate.wait()
            return Response(200, [], b"x")

        limits = HttpLimits(ahead_bytes_max=100)
        async with open_wire(handler, limits=limits) as wire:
            await wire.send(GET)
            await wire.send(GET * 5)
            assert not wire.transport.reading
            gate.set()
            for _ in range(6):
                await settle()
            assert wire.transport.reading
            assert wire.transport.written.count(b"200 OK") == 6

    run(test)


# ── backpressure and Expect ────────────────────────────────────────────────────────────────────


def test_a_slow_handler_pauses_reading() -> None:
    async def test() -> None:
        gate = asyncio.Event()

        async def handler(request: Request) -> Response:
            await gate.wait()
            return await echo(request)

        limits = HttpLimits(whole_bytes_max=0, body_buffer_bytes=8)
        async with open_wire(handler, limits=limits) as wire:
            await wire.send(head(b"Content-Length: 12"), b"01234567")
            assert not wire.transport.reading
            gate.set()
            await settle()
            assert wire.transport.reading
            assert body_of(await wire.send(b"89ab")) == b"PUT stream 0123456789ab"

    run(test)


def test_continue_is_sent_when_the_handler_asks_for_the_body() -> None:
    async def test() -> None:
        expecting = head(b"Content-Length: 3", b"Expect: 100-continue")
        async with open_wire(echo) as wire:
            assert await wire.send(expecting) == b"HTTP/1.1 100 Continue\r\n\r\n"
            assert body_of(await wire.send(b"abc")) == b"PUT stream abc"

    run(test)


@pytest.mark.parametrize("content", [b"", b"abc"])
def test_who_expects_continue_gets_it_even_if_nothing_more_can_arrive(content: bytes) -> None:
    async def test() -> None:
        expecting = head(b"Content-Length: %d" % len(content), b"Expect: 100-continue")
        async with open_wire(echo) as wire:
            for _ in range(2):
                answer = await wire.send(expecting + content)
                first, _, last = answer.partition(b"\r\n\r\n")
                assert first == b"HTTP/1.1 100 Continue"
                assert last.startswith(b"HTTP/1.1 200 OK\r\n")
                assert body_of(last) == b"PUT whole " + content

    run(test)


def test_a_part_of_a_body_that_nobody_asked_for_ends_the_connection() -> None:
    async def test() -> None:
        async def handler(request: Request) -> Response:
            return Response(403, [], b"no")

        limits = HttpLimits(whole_bytes_max=0)
        async with open_wire(handler, limits=limits) as wire:
            answer = await wire.send(head(b"Content-Length: 3", b"Expect: 100-continue") + b"ab")
            assert answer.startswith(b"HTTP/1.1 403")
            assert b"Connection: close\r\n" in answer

    run(test)


def test_a_failed_answer_after_continue_is_told() -> None:
    async def test() -> None:
        async def handler(request: Request) -> Response:
            content = b"".join([bytes(chunk) async for chunk in request.body])
            return Response(200, [("x", "a\r\nb")], content)

        async with open_wire(handler) as wire:
            await wire.send(head(b"Content-Length: 3", b"Expect: 100-continue"))
            assert (await wire.send(b"abc")).startswith(b"HTTP/1.1 500")

    run(test)


def test_an_answer_without_reading_an_expected_body_ends_the_connection() -> None:
    async def test() -> None:
        async def handler(request: Request) -> Response:
            return Response(403, [], b"no")

        async with open_wire(handler) as wire:
            answer = await wire.send(head(b"Content-Length: 3", b"Expect: 100-continue"))
            assert answer.startswith(b"HTTP/1.1 403")
            assert b"100 Continue" not in answer
            assert b"Connection: close\r\n" in answer
            assert wire.transport.is_eof_written
            await wire.send(b"abc" + GET)
            assert len(wire.exchanges) == 1
            await wire.wait_s(4)
            assert wire.transport.is_closed

    run(test)


def test_a_small_unread_rest_is_dropped_and_a_large_one_ends_the_connection() -> None:
    async def test() -> None:
        async def handler(request: Request) -> Response:
            return Response(200, [], b"early " + request.method.encode())

        limits = HttpLimits(whole_bytes_max=0, drain_bytes_max=10)
        async with open_wire(handler, limits=limits) as wire:
            answer = await wire.send(head(b"Content-Length: 10"), b"GET / ", b"HTTP" + GET)
            assert answer.endswith(b"early GET")
            assert answer.count(b"200 OK") == 2
            answer = await wire.send(head(b"Content-Length: 11"), b"GET / HTTP/" + GET)
            assert answer.count(b"200 OK") == 1
            assert b"Connection: close\r\n" in answer

    run(test)


# ── hostile input ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"\r\n\r\n\r\n\r\n", 400),
        (b"\0", 400),
        (b"GET /\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: a\n\nGET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (head(b"Content-Length: 3", b"Transfer-Encoding: chunked"), 400),
        (head(b"Expect: gold"), 417),
        (b"GET /" + b"a" * 20_000, 414),
        (head(b"X: " + b"a" * 40_000), 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 40_000, 431),
        (head(*[b"X: 1"] * 600), 431),
        (head(b"Content-Length: 99999999999999"), 413),
        (head(b"Transfer-Encoding: chunked") + b"zz\r\n", 400),
        (head(b"Transfer-Encoding: chunked") + b"1\r\nab\r\n0\r\n\r\n", 400),
    ],
)
def test_hostile_heads_are_answered_once_and_end_the_connection(data: bytes, status: int) -> None:
    async def test() -> None:
        called = 0

        async def handler(request: Request) -> Response:
            nonlocal called
            called += 1
            return await echo(request)

        async with open_wire(handler) as wire:
            answer = await wire.send(data, GET)
            assert answer.startswith(b"HTTP/1.1 %d " % status), answer
            assert b"Connection: close\r\n" in answer
            assert answer.count(b"HTTP/1.1 ") == 1
            assert called == 0
            assert [exchange.status for exchange in wire.exchanges] == [status]
            await wire.wait_s(4)
            assert wire.transport.is_closed

    # A chunked body streams to the handler unless it is malformed within the first read.
    run(test)


def test_an_error_keeps_its_place_behind_earlier_answers() -> None:
    async def test() -> None:
        async with open_wire(echo) as wire:
            answer = await wire.send(GET + b"garbage\r\n\r\n")
            assert answer.index(b"200 OK") < answer.index(b"400 Bad Request")

    run(test)


def test_a_chunked_body_that_turns_malformed_fails_the_reader() -> None:
    async def test() -> None:
        seen: list[Exception] = []

        async def handler(request: Request) -> Response:
            try:
                return await echo(request)
            except IncompleteBody as error:
                seen.append(error)
                return Response(400, [], b"bad body")

        async with open_wire(handler) as wire:
            answer = await wire.send(head(b"Transfer-Encoding: chunked"), b"3\r\nabcXX\r\n" + GET)
            assert answer.startswith(b"HTTP/1.1 400")
            assert answer.count(b"HTTP/1.1") == 1
            assert b"Connection: close" in answer
            assert len(seen) == 1

    run(test)


def test_a_body_may_not_grow_beyond_the_limit_by_chunks() -> None:
    async def test() -> None:
        limits = HttpLimits(body_bytes_max=4)
        async with open_wire(echo, limits=limits) as wire:
            answer = await wire.send(head(b"Transfer-Encoding: chunked") + b"5\r\nabcde\r\n")
            assert answer.startswith(b"HTTP/1.1 413")

    run(test)


def test_a_lost_client_fails_the_body_and_nothing_more_is_written() -> None:
    async def test() -> None:
        seen: list[Exception] = []

        async def handler(request: Request) -> Response:
            try:
                return await echo(request)
            except IncompleteBody as error:
                seen.append(error)
                return Response(400, [], b"x")

        limits = HttpLimits(whole_bytes_max=0)
        async with open_wire(handler, limits=limits) as wire:
            await wire.send(head(b"Content-Length: 5"), b"ab")
            wire.transport.lose()
            await settle()
            assert len(seen) == 1
            assert not wire.transport.written
            assert wire.load.in_flight == 0

    run(test)


def test_a_small_body_cut_short_is_refused_and_never_reaches_the_handler() -> None:
    async def test() -> None:
        handled: list[Request] = []

        async def handler(request: Request) -> Response:
            handled.append(request)
            return Response(200, [], b"")

        async with open_wire(handler) as wire:
            await wire.send(head(b"Content-Length: 5"), b"ab")
            assert wire.connection.eof_received()
            await settle()
            assert wire.transport.written.startswith(b"HTTP/1.1 400 ")
            assert b"IncompleteBody" in wire.transport.written
            assert wire.transport.is_closed
            assert not handled

    run(test)


def test_a_client_that_only_stopped_sending_gets_its_answer() -> None:
    async def test() -> None:
        gate = asyncio.Event()

        async def handler(request: Request) -> Response:
            await gate.wait()
            return Response(200, [], b"late")

        async with open_wire(handler) as wire:
            await wire.send(GET)
            assert wire.connection.eof_received()
            gate.set()
            await settle()
            assert wire.transport.written.endswith(b"late")
            assert wire.transport.is_closed

    run(test)


# ── time ───────────────────────────────────────────────────────────────────────────────────────


async def _drip(wire: Wire, piece: bytes, *, every_s: int, times: int) -> None:
    for _ in range(times):
        await wire.wait_s(every_s)
        if wire.transport.is_closed or wire.transport.written:
            return
        await wire.send(piece)


def test_a_dripping_head_is_given_up() -> None:
    async def test() -> None:
        async with open_wire(echo) as wire:
            await wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
            await _drip(wire, b"X: a\r\n", every_s=5, times=10)
            assert wire.transport.written.startswith(b"HTTP/1.1 408")

    run(test)


def test_a_silent_connection_is_closed_without_an_answer() -> None:
    async def test() -> None:
        async with open_wire(echo) as wire:
            await wire.wait_s(19)
            assert not wire.transport.is_closed
            await wire.wait_s(2)
            assert wire.transport.is_closed
            assert not wire.transport.written

    run(test)


def test_an_idle_connection_is_kept_for_its_time() -> None:
    async def test() -> None:
        async with open_wire(echo) as wire:
            await wire.send(GET)
            await wire.wait_s(74)
            assert not wire.transport.is_closed
            await wire.wait_s(2)
            assert wire.transport.is_closed

    run(test)


@pytest.mark.parametrize("whole_bytes_max", [0, 65_536])
def test_a_stalled_body_is_given_up(whole_bytes_max: int) -> None:
    async def test() -> None:
        async def handler(request: Request) -> Response:
            try:
                return await echo(request)
            except ClientTooSlow:
                return Response(408, [], b"slow")

        limits = HttpLimits(whole_bytes_max=whole_bytes_max)
        async with open_wire(handler, limits=limits) as wire:
            await wire.send(head(b"Content-Length: 100"), b"a")
            await wire.wait_s(29)
            assert not wire.transport.written
            await wire.wait_s(2)
            assert wire.transport.written.startswith(b"HTTP/1.1 408")
            assert b"Connection: close" in wire.transport.written

    run(test)


def test_a_body_of_one_byte_a_second_is_given_up() -> None:
    async def test() -> None:
        async with open_wire(echo) as wire:
            await wire.send(head(b"Content-Length: 60000"))
            await _drip(wire, b"a", every_s=1, times=130)
            assert wire.transport.written.startswith(b"HTTP/1.1 408")

    run(test)


def test_waiting_for_the_handler_is_not_the_clients_fault() -> None:
    async def test() -> None:
        gate = asyncio.Event()

        async def handler(request: Request) -> Response:
            await gate.wait()
            return await echo(request)

        limits = HttpLimits(whole_bytes_max=0, body_buffer_bytes=4)
        async with open_wire(handler, limits=limits) as wire:
            await wire.send(head(b"Content-Length: 5", b"Expect: 100-continue"))
            await wire.wait_s(500)
            await wire.send(b"abcd")
            await wire.wait_s(500)
            gate.set()
            assert (await wire.send(b"e")).endswith(b"\r\n\r\nPUT stream abcde")

    run(test)


def test_a_client_that_does_not_read_is_given_up() -> None:
    async def test() -> None:
        closed: list[bool] = []

        async def content() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield bytes(1000)
            finally:
                closed.append(True)

        async def handler(request: Request) -> Response:
            return Response(200, [], content(), length_bytes=1_000_000)

        limits = HttpLimits(write_buffer_bytes=4000)
        async with open_wire(handler, limits=limits) as wire:
            wire.transport.is_stalled = True
            await wire.send(GET)
            assert 4000 < wire.transport.pending_bytes < 6000
            await wire.wait_s(125)
            assert wire.transport.is_aborted
            assert closed == [True]
            assert not wire.exchanges[0].is_complete

    run(test)


def test_stopping_ends_idle_connections_and_closes_after_the_answer() -> None:
    async def test() -> None:
        gate = asyncio.Event()

        async def handler(request: Request) -> Response:
            await gate.wait()
            return Response(200, [], b"done")

        async with open_wire(handler) as idle, open_wire(handler) as busy:
            await busy.send(GET)
            for wire in (idle, busy):
                wire.connection.stop()
            await settle()
            assert idle.transport.is_closed
            assert not busy.transport.is_closed
            gate.set()
            await settle()
            assert b"Connection: close\r\n" in busy.transport.written
            assert busy.transport.is_closed

    run(test)
