"""How responses look on the wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from atoll.http.messages import Request, Response
from fakes.http import open_wire, settle


async def pieces(*parts: bytes | memoryview) -> AsyncIterator[bytes | memoryview]:
    for part in parts:
        yield part


def exchange(response: Response, method: bytes = b"GET") -> tuple[bytes, list[object]]:
    """Return what is written for a response, as bytes and as the objects given to the transport."""

    async def run() -> tuple[bytes, list[object]]:
        async def handler(request: Request) -> Response:
            return response

        async with open_wire(handler) as wire:
            answer = await wire.send(method + b" / HTTP/1.1\r\nHost: a\r\n\r\n")
            return answer, list(wire.transport.writes)

    return asyncio.run(run())


def test_the_head() -> None:
    answer, _ = exchange(Response(200, [("etag", '"e"'), ("x-meta", "caf\xe9")], b"ok"))
    assert answer == (
        b"HTTP/1.1 200 OK\r\nServer: Atoll\r\nDate: Tue, 02 Jan 2024 03:04:05 GMT\r\n"
        b'etag: "e"\r\nx-meta: caf\xe9\r\nContent-Length: 2\r\n\r\nok'
    )


def test_known_length_is_sent_as_it_is_and_unknown_length_chunked() -> None:
    known, _ = exchange(Response(200, [], pieces(b"ab", b"", b"cd"), length_bytes=4))
    assert b"Content-Length: 4\r\n" in known
    assert known.endswith(b"\r\n\r\nabcd")
    unknown, _ = exchange(Response(200, [], pieces(b"ab", b"", b"c" * 17)))
    assert b"Transfer-Encoding: chunked\r\n" in unknown
    assert unknown.endswith(b"\r\n\r\n2\r\nab\r\n11\r\n" + b"c" * 17 + b"\r\n0\r\n\r\n")
    empty, _ = exchange(Response(200, [], pieces()))
    assert empty.endswith(b"\r\n\r\n0\r\n\r\n")
    nothing, _ = exchange(Response(200, [], pieces(), length_bytes=0))
    assert nothing.endswith(b"Content-Length: 0\r\n\r\n")


def test_memoryviews_are_not_copied() -> None:
    views = [memoryview(bytearray(100_000)), memoryview(bytes(50_000))]
    _, writes = exchange(Response(200, [], pieces(*views), length_bytes=150_000))
    assert [write for write in writes if isinstance(write, memoryview)] == views
    large = b"x" * 100_000
    _, writes = exchange(Response(200, [], large))
    assert any(write is large for write in writes)


def test_wide_items_are_counted_in_bytes() -> None:
    view = memoryview(bytes(16)).cast("I")
    answer, _ = exchange(Response(200, [], pieces(view), length_bytes=16))
    assert answer.endswith(b"\r\n\r\n" + bytes(16))


@pytest.mark.parametrize("content", [b"", b"wrong"])
def test_head_has_a_length_and_no_content(content: bytes) -> None:
    answer, _ = exchange(Response(200, [], content, length_bytes=5), method=b"HEAD")
    assert b"Content-Length: 5\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("status", [204, 304])
def test_some_statuses_have_no_content(status: int) -> None:
    answer, _ = exchange(Response(status, [], b""))
    assert b"Content-Length" not in answer
    assert answer.endswith(b"\r\n\r\n")


def test_content_is_asked_for_only_as_the_client_takes_it() -> None:
    async def run() -> None:
        yielded = 0

        async def content() -> AsyncIterator[bytes | memoryview]:
            nonlocal yielded
            for _ in range(10):
                yielded += 1
                yield bytes(1 << 20)

        async def handler(request: Request) -> Response:
            return Response(200, [], content(), length_bytes=10 << 20)

        async with open_wire(handler) as wire:
            wire.transport.is_stalled = True
            await wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert yielded == 1
            wire.transport.flush()
            await settle(30)
            assert yielded == 10
            assert wire.exchanges[0].is_complete

    asyncio.run(run())
