"""Puts: digests, sizes, and what stays behind when one fails."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from atoll.base.errors import (
    BucketNotFound,
    DigestMismatch,
    IncompleteBody,
    MetadataTooLarge,
    ObjectNotFound,
    PreconditionFailed,
    QuorumLost,
    TooLarge,
)
from atoll.base.limits import PUT_BYTES_MAX
from atoll.base.names import ObjectKey
from atoll.base.streams import PromisedDigests, WholeBody
from atoll.objects.contract import BucketChange, PutRequest
from atoll.objects.digests import checksum_of
from atoll.objects.values import Attributes, Checksum, Conditions, Versioning
from fakes.objects import BUCKET, Rig, StreamedBody, read_all
from fakes.registers import Fault

KEY = ObjectKey(b"key")
REQUEST = PutRequest(bucket=BUCKET, key=KEY)
SIZES = (0, 1, 16 * 1024, 16 * 1024 + 1, 64 * 1024 + 1, 300_000)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("is_streamed", [False, True])
def test_what_was_put_is_read_back_with_its_digests(size: int, is_streamed: bool) -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        content = b"x" * size
        promised = PromisedDigests(
            md5=hashlib.md5(content).digest(), checksums={"CRC32C": checksum_of("CRC32C", content)}
        )
        chunks = [content[n : n + 10_000] for n in range(0, size, 10_000)]
        body = (
            StreamedBody(chunks, algorithms=("CRC32C",), promised=promised)
            if is_streamed
            else WholeBody(content, algorithms=("CRC32C",), promised=promised)
        )
        attributes = Attributes(
            headers={"content-type": "a/b"}, metadata={"m": "ü"}, tags={"t": "1"}
        )
        request = PutRequest(bucket=BUCKET, key=KEY, attributes=attributes)
        made = await rig.store.put(request, body)
        assert made.etag == hashlib.md5(content).hexdigest()
        assert made.checksum == Checksum("CRC32C", checksum_of("CRC32C", content))
        opened = await rig.store.open(BUCKET, KEY)
        assert opened.version == made
        assert opened.version.attributes == attributes
        assert (opened.inline is None) == (size > 16 * 1024)
        assert await read_all(opened) == content
        assert len(rig.bytes.contents) == (size > 16 * 1024)

    asyncio.run(run())


def test_a_small_put_is_one_register_write() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        await rig.put(b"warm", b"x")
        del rig.registers.calls[:]
        await rig.put(KEY, b"small")
        assert [call.verb for call in rig.registers.calls] == ["write"]
        del rig.registers.calls[:]
        await read_all(await rig.store.open(BUCKET, KEY))
        assert [call.verb for call in rig.registers.calls] == ["read"]

    asyncio.run(run())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_broken_promise_leaves_nothing(size: int, is_streamed: bool) -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        content = b"y" * size
        promised = PromisedDigests(md5=bytes(16))
        body = (
            StreamedBody([content], promised=promised)
            if is_streamed
            else WholeBody(content, promised=promised)
        )
        with pytest.raises(DigestMismatch):
            await rig.store.put(REQUEST, body)
        with pytest.raises(ObjectNotFound):
            await rig.store.open(BUCKET, KEY)
        assert not rig.bytes.contents

    asyncio.run(run())


@pytest.mark.parametrize("sent", [10, 100_000])
def test_a_body_that_ends_early_or_late_is_refused(sent: int) -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        for announced in (sent - 1, sent + 1):
            with pytest.raises(IncompleteBody):
                await rig.store.put(REQUEST, StreamedBody([b"z" * sent], size_bytes=announced))
        with pytest.raises(TooLarge):
            await rig.store.put(REQUEST, StreamedBody([], size_bytes=PUT_BYTES_MAX + 1))
        body = StreamedBody([b"z" * sent], failure=ConnectionError())
        with pytest.raises(ConnectionError):
            await rig.store.put(REQUEST, body)
        assert not rig.bytes.contents
        assert not rig.registers.live_keys(b"b/")

    asyncio.run(run())


def test_a_refused_condition_removes_the_bytes_it_wrote() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        await rig.put(KEY, b"first")
        with pytest.raises(PreconditionFailed):
            await rig.put(KEY, b"q" * 100_000, conditions=Conditions(if_none_match=("*",)))
        assert not rig.bytes.contents

    asyncio.run(run())


def test_bytes_that_a_drive_may_have_been_told_of_are_never_removed() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        await rig.put(b"warm", b"x")
        for fault in (Fault.LOST, Fault.NEVER):
            rig.registers.faults = lambda call, fault=fault: fault if call.verb == "write" else None
            with pytest.raises(Exception, match="may or may not"):
                await rig.put(KEY, b"q" * 100_000)
        rig.registers.faults = None
        assert len(rig.bytes.contents) == 2
        opened = await rig.store.open(BUCKET, KEY)
        assert await read_all(opened) == b"q" * 100_000

    asyncio.run(run())


def test_failing_bytes_make_no_version() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        rig.bytes.failure = QuorumLost(needed=3, reached=1)
        with pytest.raises(QuorumLost):
            await rig.put(KEY, b"q" * 100_000)
        assert not rig.registers.live_keys(b"b/")

    asyncio.run(run())


def test_metadata_that_fits_no_record_is_refused() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        with pytest.raises(MetadataTooLarge):
            await rig.put(KEY, b"", attributes=Attributes(metadata={"m": "x" * 70_000}))

    asyncio.run(run())


def test_of_a_hundred_creations_exactly_one_wins() -> None:
    async def run() -> None:
        rig = Rig(yields=lambda: 1)
        await rig.make_bucket()
        results: list[str] = []

        async def create(number: int) -> None:
            try:
                await rig.put(KEY, b"%d" % number, conditions=Conditions(if_none_match=("*",)))
                results.append("won")
            except PreconditionFailed:
                results.append("lost")

        async with asyncio.TaskGroup() as group:
            for number in range(100):
                group.create_task(create(number))
        assert sorted(results) == ["lost"] * 99 + ["won"]

    asyncio.run(run())


def test_a_put_into_a_bucket_that_is_not_there_fails() -> None:
    async def run() -> None:
        with pytest.raises(BucketNotFound):
            await Rig().put(KEY, b"x")

    asyncio.run(run())


def test_a_node_with_an_outdated_setting_never_drops_a_version() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        behind = rig.open_store()
        await behind.head_bucket(BUCKET)
        await rig.store.update_bucket(BUCKET, BucketChange(versioning=Versioning.ENABLED))
        kept = await rig.put(KEY, b"kept")
        await behind.put(REQUEST, WholeBody(b"null"))
        await behind.delete(BUCKET, KEY)
        with pytest.raises(ObjectNotFound):
            await rig.store.open(BUCKET, KEY)
        opened = await rig.store.open(BUCKET, KEY, kept.version_id)
        assert await read_all(opened) == b"kept"

    asyncio.run(run())


@pytest.mark.parametrize("inline_bytes_max", [0, 100, 32 * 1024])
@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize("over", [-100, -1, 0, 1])
def test_the_bound_of_inline_content_is_the_setting(
    inline_bytes_max: int, is_streamed: bool, over: int
) -> None:
    async def run() -> None:
        rig = Rig(inline_bytes_max=inline_bytes_max)
        await rig.make_bucket()
        content = b"x" * max(0, inline_bytes_max + over)
        await rig.store.put(REQUEST, StreamedBody([content]) if is_streamed else WholeBody(content))
        assert bool(rig.bytes.contents) == (over > 0)
        assert await read_all(await rig.store.open(BUCKET, KEY)) == content

    asyncio.run(run())
