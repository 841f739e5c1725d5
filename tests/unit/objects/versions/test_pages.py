"""Thousands of versions of one key: pages, their cost, and what they keep alive."""

from __future__ import annotations

import asyncio
import random

import pytest

from atoll.base.errors import ObjectNotFound
from atoll.base.names import ObjectKey
from atoll.objects.contract import BucketChange, ListRequest
from atoll.objects.values import Attributes, Versioning
from fakes.objects import BUCKET, Rig, read_all

KEY = ObjectKey(b"key")


async def list_ids(rig: Rig) -> list[str]:
    ids: list[str] = []
    after, after_id = b"", ""
    while True:
        page = await rig.store.list_versions(
            ListRequest(bucket=BUCKET, after=after, after_id=after_id)
        )
        ids += [version.version_id for version in page.versions]
        if page.next_key is None:
            return ids
        after, after_id = page.next_key, page.next_version_id or ""


@pytest.mark.slow
def test_five_thousand_versions_of_one_key_cost_no_more_per_put() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket(Versioning.ENABLED)
        made = [(await rig.put(KEY, b"%d" % n)).version_id for n in range(5000)]
        assert rig.bytes.writes < 5000 / 20
        before = (rig.bytes.writes, len(rig.registers.calls))
        made += [(await rig.put(KEY, b"%d" % n)).version_id for n in range(5000, 5100)]
        assert rig.bytes.writes - before[0] <= 10
        assert len(rig.registers.calls) - before[1] <= 120
        made.reverse()
        assert await list_ids(rig) == made
        for index in (0, 1, 100, 2500, 5099):
            before_reads = rig.bytes.reads
            opened = await rig.store.open(BUCKET, KEY, made[index])
            assert await read_all(opened) == b"%d" % (5099 - index)
            assert rig.bytes.reads - before_reads <= 3
        assert await rig.named() == set(rig.bytes.contents)
        chance = random.Random(1)
        gone = set(chance.sample(made, 200))
        for version_id in sorted(gone):
            await rig.store.delete(BUCKET, KEY, version_id)
        assert await list_ids(rig) == [one for one in made if one not in gone]
        assert await rig.named() == set(rig.bytes.contents)

    asyncio.run(run())


def test_the_newest_version_comes_back_from_a_page_when_those_above_go() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket(Versioning.ENABLED)
        made = [(await rig.put(KEY, b"%d" % n)).version_id for n in range(60)]
        for number in reversed(range(60)):
            opened = await rig.store.open(BUCKET, KEY)
            assert opened.version.is_latest
            assert await read_all(opened) == b"%d" % number
            await rig.store.delete(BUCKET, KEY, made[number])
        with pytest.raises(ObjectNotFound):
            await rig.store.open(BUCKET, KEY)
        assert not rig.bytes.contents
        assert not rig.registers.live_keys(b"b/")

    asyncio.run(run())


@pytest.mark.parametrize("size", [16 * 1024, 17 * 1024])
def test_large_versions_fit_their_registers_and_are_freed_with_their_key(size: int) -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket(Versioning.ENABLED)
        made = []
        for number in range(60):
            attributes = Attributes(metadata={"m": "x" * (number * 100)})
            version = await rig.put(KEY, bytes([number]) * size, attributes=attributes)
            made.append(version.version_id)
        assert await rig.named() == set(rig.bytes.contents)
        opened = await rig.store.open(BUCKET, KEY, made[3])
        assert await read_all(opened) == bytes([3]) * size
        for version_id in made:
            await rig.store.delete(BUCKET, KEY, version_id)
        assert not rig.bytes.contents

    asyncio.run(run())


def test_a_null_version_is_replaced_wherever_it_lies() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        await rig.put(KEY, b"null" * 10_000)
        await rig.store.update_bucket(BUCKET, BucketChange(versioning=Versioning.ENABLED))
        made = [(await rig.put(KEY, b"%d" % n)).version_id for n in range(100)]
        assert (await list_ids(rig))[-1] == "null"
        await rig.store.update_bucket(BUCKET, BucketChange(versioning=Versioning.SUSPENDED))
        await rig.put(KEY, b"new null")
        assert await list_ids(rig) == ["null", *reversed(made)]
        marked = await rig.store.delete(BUCKET, KEY)
        assert marked.version_id == "null"
        assert await list_ids(rig) == ["null", *reversed(made)]
        assert await rig.named() == set(rig.bytes.contents)

    asyncio.run(run())


def test_tags_change_in_a_page_and_nothing_else_does() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket(Versioning.ENABLED)
        made = [(await rig.put(KEY, b"%d" % n)).version_id for n in range(50)]
        changed = await rig.store.put_tags(BUCKET, KEY, made[0], {"t": "1"})
        assert not changed.is_latest
        opened = await rig.store.open(BUCKET, KEY, made[0])
        assert opened.version == changed
        assert opened.version.attributes.tags == {"t": "1"}
        assert await read_all(opened) == b"0"
        assert await list_ids(rig) == made[::-1]
        assert await rig.named() == set(rig.bytes.contents)

    asyncio.run(run())


def test_many_writers_of_one_key_all_get_their_version() -> None:
    async def run(seed: int) -> None:
        chance = random.Random(seed)
        rig = Rig(yields=lambda: chance.randrange(3))
        await rig.make_bucket(Versioning.ENABLED)
        made: list[str] = []

        async def write(number: int) -> None:
            for turn in range(8):
                made.append((await rig.put(KEY, b"%d %d" % (number, turn))).version_id)

        async with asyncio.TaskGroup() as group:
            for number in range(16):
                group.create_task(write(number))
        assert sorted(await list_ids(rig)) == sorted(made)
        assert await rig.named() == set(rig.bytes.contents)

    for seed in range(4):
        asyncio.run(run(seed))


def test_writers_and_readers_of_one_key_with_pages_agree() -> None:
    async def run(seed: int) -> None:
        chance = random.Random(seed)
        rig = Rig(yields=lambda: chance.randrange(3))
        await rig.make_bucket(Versioning.ENABLED)
        made = [(await rig.put(KEY, b"%d" % n)).version_id for n in range(70)]
        left = set(made)

        async def remove(version_id: str) -> None:
            await rig.open_store().delete(BUCKET, KEY, version_id)  # type: ignore[arg-type]
            left.discard(version_id)  # type: ignore[arg-type]

        async def add(number: int) -> None:
            left.add((await rig.put(KEY, b"more %d" % number)).version_id)

        async def look() -> None:
            ids = await list_ids(rig)
            assert len(set(ids)) == len(ids)

        async with asyncio.TaskGroup() as group:
            for version_id in chance.sample(made, 8):
                group.create_task(remove(version_id))
            for number in range(8):
                group.create_task(add(number))
            for _ in range(3):
                group.create_task(look())
        assert set(await list_ids(rig)) == left
        assert await rig.named() == set(rig.bytes.contents)

    for seed in range(8):
        asyncio.run(run(seed))
