"""The stream of a body between connection and handler."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import weakref

import pytest

from atoll.base.errors import ClientTooSlow, IncompleteBody
from atoll.base.streams import CHUNK_BYTES_MAX
from atoll.http.body import ArrivedBody, IncomingBody
from atoll.http.limits import HttpLimits


class RecordingFlow:
    """Notes what a body asks of its connection."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def send_continue(self) -> None:
        self.calls.append("continue")

    def pause_body(self) -> None:
        self.calls.append("pause")

    def resume_body(self) -> None:
        self.calls.append("resume")


def make(length_bytes: int | None, **limits: int) -> tuple[IncomingBody, RecordingFlow]:
    flow = RecordingFlow()
    return IncomingBody(flow, HttpLimits(**limits), length_bytes=length_bytes), flow


def test_bytes_behind_the_body_are_given_back() -> None:
    async def test() -> None:
        body, _ = make(3)
        assert body.feed(b"ab") == b""
        assert body.feed(b"cdef") == b"def"
        assert [chunk async for chunk in body] == [b"ab", b"c"]
        assert [chunk async for chunk in body] == []

    asyncio.run(test())


def test_a_whole_body_can_be_iterated_in_bounded_chunks() -> None:
    async def test() -> None:
        body = ArrivedBody(bytes(CHUNK_BYTES_MAX + 1))
        assert [len(chunk) async for chunk in body] == [CHUNK_BYTES_MAX, 1]
        assert [chunk async for chunk in ArrivedBody(b"")] == []

    asyncio.run(test())


def test_buffering_pauses_and_resumes_once() -> None:
    async def test() -> None:
        body, flow = make(100, body_buffer_bytes=8)
        for _ in range(3):
            body.feed(b"0123")
        assert flow.calls == ["pause"]
        chunks = aiter(body)
        await anext(chunks)
        await anext(chunks)
        assert flow.calls == ["pause"]
        await anext(chunks)
        assert flow.calls == ["pause", "resume"]

    asyncio.run(test())


def test_a_failure_comes_behind_the_bytes_and_the_first_one_stays() -> None:
    async def test() -> None:
        body, _ = make(5)
        body.feed(b"ab")
        body.fail(IncompleteBody())
        body.fail(ClientTooSlow())
        chunks = aiter(body)
        assert await anext(chunks) == b"ab"
        with pytest.raises(IncompleteBody):
            await anext(chunks)

    asyncio.run(test())


def test_a_complete_body_cannot_fail() -> None:
    async def test() -> None:
        body, _ = make(2)
        body.feed(b"ab")
        body.fail(IncompleteBody())
        assert [chunk async for chunk in body] == [b"ab"]

    asyncio.run(test())


def test_discarding_keeps_nothing_and_reads_on() -> None:
    body, flow = make(100, body_buffer_bytes=8)
    body.feed(b"0123456789")
    body.discard()
    body.feed(b"0123456789")
    assert flow.calls == ["pause", "resume"]
    assert body.received_bytes == 20
    assert body.remaining_bytes == 80


def test_a_body_that_broke_off_keeps_nothing_of_its_reader_alive() -> None:
    class Held:
        """What a reader had buffered."""

    async def read(body: IncomingBody) -> weakref.ref[Held]:
        held = Held()
        alive = weakref.ref(held)
        body.fail(IncompleteBody("gone"))
        with contextlib.suppress(IncompleteBody):
            await anext(aiter(body))
        return alive

    async def test() -> None:
        body, _ = make(3)
        gc.disable()
        try:
            assert (await read(body))() is None
        finally:
            gc.enable()
        assert body.has_failed

    asyncio.run(test())
