"""Buckets: names, settings, the cache, and deletion against concurrent writes."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

import pytest

from atoll.base.errors import (
    BucketExists,
    BucketNotEmpty,
    BucketNotFound,
    Contended,
    QuorumLost,
    Unavailable,
)
from atoll.base.names import BucketName, ObjectKey
from atoll.base.streams import WholeBody
from atoll.objects.contract import BucketChange, ListRequest, PutRequest
from atoll.objects.values import Versioning
from fakes.objects import BUCKET, Rig, read_all
from fakes.registers import Call, Fault

KEY = ObjectKey(b"key")


def test_a_bucket_is_made_once_and_known_by_its_owner() -> None:
    async def run() -> None:
        rig = Rig()
        made = await rig.store.create_bucket(BUCKET, owner="me", region="eu-1")
        assert await rig.store.head_bucket(BUCKET) == made
        for owner, owned in (("me", True), ("you", False)):
            with pytest.raises(BucketExists) as caught:
                await rig.store.create_bucket(BUCKET, owner=owner, region="eu-1")
            assert caught.value.fields["owned"] is owned

    asyncio.run(run())


def test_a_recreated_bucket_is_another_one() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        first = await rig.store.head_bucket(BUCKET)
        await rig.store.delete_bucket(BUCKET)
        await rig.make_bucket()
        second = await rig.store.head_bucket(BUCKET)
        assert first.incarnation != second.incarnation
        await rig.put(KEY, b"x")

    asyncio.run(run())


def test_buckets_are_listed_in_order_page_by_page() -> None:
    async def run() -> None:
        rig = Rig(rows_max=2)
        names = [BucketName(name) for name in ("aaa", "aab", "bbb", "bbc", "ccc")]
        for name in reversed(names):
            await rig.make_bucket(name=name)
        after = ""
        found = []
        while True:
            page = await rig.store.list_buckets(prefix="", after=after, limit=2)
            found += [bucket.name for bucket in page.buckets]
            if page.next_after is None:
                break
            after = page.next_after
        assert found == names
        page = await rig.store.list_buckets(prefix="bb", after="bbb", limit=10)
        assert [bucket.name for bucket in page.buckets] == ["bbc"]

    asyncio.run(run())


def test_a_change_is_acknowledged_behind_the_lease() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        tagged = await rig.store.update_bucket(BUCKET, BucketChange(tags={"a": "b"}))
        assert tagged.tags == {"a": "b"}
        assert rig.lease_waits == 1
        assert (await rig.store.head_bucket(BUCKET)).tags == {"a": "b"}
        await rig.store.delete_bucket(BUCKET)
        assert rig.lease_waits == 2
        with pytest.raises(BucketNotFound):
            await rig.store.update_bucket(BUCKET, BucketChange(tags={}))

    asyncio.run(run())


def test_a_cached_record_is_used_for_a_lease_and_no_longer() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        other = rig.open_store()
        await other.head_bucket(BUCKET)
        changed = await rig.store.update_bucket(BUCKET, BucketChange(versioning=Versioning.ENABLED))
        assert (await other.head_bucket(BUCKET)).versioning is Versioning.UNSET
        rig.clock.seconds += 2.5
        assert await other.head_bucket(BUCKET) == changed

    asyncio.run(run())


def test_a_read_that_began_before_a_change_does_not_enter_the_cache() -> None:
    async def run() -> None:
        rig = Rig(yields=lambda: 1)
        await rig.make_bucket()
        async with asyncio.TaskGroup() as group:
            group.create_task(rig.store.head_bucket(BUCKET))
            group.create_task(
                rig.store.update_bucket(BUCKET, BucketChange(versioning=Versioning.ENABLED))
            )
        assert (await rig.store.head_bucket(BUCKET)).versioning is Versioning.ENABLED

    asyncio.run(run())


def test_a_delete_marker_keeps_a_bucket() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket(Versioning.ENABLED)
        marked = await rig.store.delete(BUCKET, KEY)
        with pytest.raises(BucketNotEmpty):
            await rig.store.delete_bucket(BUCKET)
        await rig.store.delete(BUCKET, KEY, marked.version_id)
        await rig.store.delete_bucket(BUCKET)

    asyncio.run(run())


def test_open_uploads_go_with_their_bucket() -> None:
    async def run() -> None:
        rig = Rig(rows_max=2)
        await rig.make_bucket()
        for number in range(5):
            request = PutRequest(bucket=BUCKET, key=ObjectKey(b"%d" % number))
            upload = await rig.store.create_upload(request, checksum_algorithm="", composite=False)
            body = WholeBody(b"part")
            await rig.store.put_part(BUCKET, upload.key, upload.upload_id, 1, body)
        await rig.store.delete_bucket(BUCKET)
        assert not rig.bytes.contents
        assert not rig.registers.live_keys()

    asyncio.run(run())


def test_a_write_revives_a_bucket_that_a_crash_left_deleting() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        await rig.store.head_bucket(BUCKET)
        writes = 0

        def stop_at_the_tombstone(call: Call) -> Fault | None:
            nonlocal writes
            writes += call.verb == "write"
            return Fault.NEVER if call.verb == "write" and writes == 2 else None

        rig.registers.faults = stop_at_the_tombstone
        with pytest.raises(Unavailable):
            await rig.store.delete_bucket(BUCKET)
        rig.registers.faults = None
        assert (await rig.open_store().head_bucket(BUCKET)).seal_epoch == 0
        await rig.put(KEY, b"x")
        assert (await rig.open_store().head_bucket(BUCKET)).seal_epoch == 1
        with pytest.raises(BucketNotEmpty):
            await rig.store.delete_bucket(BUCKET)
        await rig.store.delete(BUCKET, KEY)
        await rig.store.delete_bucket(BUCKET)

    asyncio.run(run())


def test_a_seal_that_too_few_drives_took_is_given_up() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        seal = rig.registers.seal

        async def failing(prefix: bytes, epoch: int, *, lifted: bool = False) -> None:
            await seal(prefix, epoch, lifted=lifted)
            if not lifted:
                raise QuorumLost(needed=2, reached=1)

        rig.registers.seal = failing  # type: ignore[method-assign]
        with pytest.raises(QuorumLost):
            await rig.store.delete_bucket(BUCKET)
        await rig.put(KEY, b"x")
        assert (await rig.store.head_bucket(BUCKET)).seal_epoch == 1

    asyncio.run(run())


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(5))
def test_deletes_racing_with_writes_lose_no_acknowledged_write(chunk: int) -> None:
    for seed in range(chunk * 50, chunk * 50 + 50):
        asyncio.run(race(seed))


async def race(seed: int) -> None:
    chance = random.Random(seed)
    rig = Rig(yields=lambda: chance.randrange(4), rows_max=chance.choice([1, 1 << 30]))
    await rig.make_bucket()
    acknowledged: dict[bytes, bytes] = {}
    deleted = 0

    async def put(number: int) -> None:
        store = rig.open_store()
        key = ObjectKey(b"k%d" % number)
        with suppress(BucketNotFound, Contended):
            for _ in range(chance.randrange(8)):
                await asyncio.sleep(0)
            content = b"%d" % number * chance.choice([1, 20_000])
            await store.put(PutRequest(bucket=BUCKET, key=key), WholeBody(content))
            acknowledged[key] = content

    async def upload() -> None:
        store = rig.open_store()
        with suppress(BucketNotFound, Contended):
            request = PutRequest(bucket=BUCKET, key=KEY)
            begun = await store.create_upload(request, checksum_algorithm="", composite=False)
            with suppress(Exception):
                await store.put_part(BUCKET, KEY, begun.upload_id, 1, WholeBody(b"p"))

    async def delete() -> None:
        nonlocal deleted
        with suppress(BucketNotFound, BucketNotEmpty, Contended):
            await rig.open_store().delete_bucket(BUCKET)
            deleted += 1

    async with asyncio.TaskGroup() as group:
        for number in range(chance.randrange(1, 4)):
            group.create_task(put(number))
        group.create_task(upload())
        for _ in range(chance.randrange(1, 3)):
            group.create_task(delete())
    store = rig.open_store()
    try:
        page = await store.list_objects(ListRequest(bucket=BUCKET))
    except BucketNotFound:
        # Every put that was acknowledged would have kept the bucket.
        assert not acknowledged, f"seed {seed}"
        assert not rig.registers.live_keys(), f"seed {seed}"
        return
    assert not deleted, f"seed {seed}"
    assert {row.key for row in page.keys} == acknowledged.keys(), f"seed {seed}"
    for key, content in acknowledged.items():
        assert await read_all(await store.open(BUCKET, ObjectKey(key))) == content
