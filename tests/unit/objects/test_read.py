"""Reads: ranges, parts, versions, markers, pins."""

from __future__ import annotations

import asyncio

import pytest

from atoll.base.errors import (
    Bitrot,
    InvalidPartNumber,
    MethodNotAllowed,
    NotModified,
    ObjectNotFound,
    PreconditionFailed,
    VersionNotFound,
)
from atoll.base.names import ObjectKey, VersionId
from atoll.objects.values import ByteRange, Conditions, Versioning
from fakes.objects import BUCKET, Rig, read_all

KEY = ObjectKey(b"key")


@pytest.mark.parametrize("size", [100, 200_000])
def test_ranges_are_cut_from_inline_and_stored_bytes(size: int) -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        content = bytes(n % 251 for n in range(size))
        await rig.put(KEY, content)
        for first, last in ((0, 0), (1, 50), (size - 1, size - 1), (0, size - 1)):
            opened = await rig.store.open(BUCKET, KEY)
            assert await read_all(opened, ByteRange(first, last)) == content[first : last + 1]
        opened = await rig.store.open(BUCKET, KEY)
        assert opened.part_range(1) == ByteRange(0, size - 1)
        with pytest.raises(InvalidPartNumber) as caught:
            opened.part_range(2)
        assert caught.value.fields == {"number": 2, "parts_count": 1}
        assert await opened.parts(0, 10) == ([], False)
        await opened.close()

    asyncio.run(run())


def test_an_open_version_outlives_its_key() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        await rig.put(KEY, b"1" * 200_000)
        opened = await rig.store.open(BUCKET, KEY)
        await rig.put(KEY, b"2" * 200_000)
        await rig.store.delete(BUCKET, KEY)
        assert len(rig.bytes.contents) == 1
        assert await read_all(opened) == b"1" * 200_000
        await opened.close()
        assert not rig.bytes.contents
        assert not rig.registers.pins

    asyncio.run(run())


def test_markers_hide_a_key_and_are_told_from_it() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket(Versioning.ENABLED)
        made = await rig.put(KEY, b"x")
        marked = await rig.store.delete(BUCKET, KEY)
        assert marked.version_id is not None
        with pytest.raises(ObjectNotFound) as missing:
            await rig.store.open(BUCKET, KEY)
        assert missing.value.fields["delete_marker"] == marked.version_id
        with pytest.raises(MethodNotAllowed):
            await rig.store.open(BUCKET, KEY, marked.version_id)
        opened = await rig.store.open(BUCKET, KEY, made.version_id)
        assert not opened.version.is_latest
        assert await read_all(opened) == b"x"
        for version_id in ("null", "f" * 32, "é"):
            with pytest.raises(VersionNotFound):
                await rig.store.open(BUCKET, KEY, VersionId(version_id))
        with pytest.raises(VersionNotFound):
            await rig.store.open(BUCKET, ObjectKey(b"other"), VersionId("null"))

    asyncio.run(run())


def test_conditions_are_judged_on_the_version_asked_for() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        made = await rig.put(KEY, b"x")
        with pytest.raises(NotModified):
            await rig.store.open(BUCKET, KEY, None, Conditions(if_none_match=(made.etag,)))
        with pytest.raises(PreconditionFailed):
            await rig.store.open(BUCKET, KEY, None, Conditions(if_match=("other",)))

    asyncio.run(run())


def test_bytes_that_are_gone_are_damage_not_emptiness() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        await rig.put(KEY, b"1" * 200_000)
        rig.bytes.contents.clear()
        with pytest.raises(Bitrot):
            await read_all(await rig.store.open(BUCKET, KEY))

    asyncio.run(run())
