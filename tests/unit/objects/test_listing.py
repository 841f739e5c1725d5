"""Listings: groups, continuation, hidden keys, and cost."""

from __future__ import annotations

import asyncio

import pytest

from atoll.base.names import ObjectKey
from atoll.objects.contract import ListRequest, PutRequest
from atoll.objects.values import ObjectPage, Versioning
from atoll.objects.walk import SCANS_MAX
from fakes.objects import BUCKET, Rig


async def fill(rig: Rig, *keys: bytes) -> None:
    for key in keys:
        await rig.put(key, b"x")


async def walk(rig: Rig, **fields: object) -> tuple[list[bytes], list[bytes], int]:
    """Return keys, prefixes and number of pages of a whole listing."""
    keys: list[bytes] = []
    prefixes: list[bytes] = []
    after: bytes | None = b""
    pages = 0
    while after is not None:
        request = ListRequest(bucket=BUCKET, after=after, **fields)  # type: ignore[arg-type]
        page: ObjectPage = await rig.store.list_objects(request)
        keys += [row.key for row in page.keys]
        prefixes += page.prefixes
        after = page.next_after
        pages += 1
    return keys, prefixes, pages


def test_keys_are_opaque_and_sort_by_bytes() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        keys = [b"a", b"a/", b"a/b", b"//", b".", b"..", "ü".encode(), "𝄞".encode(), b"\x01"]
        await fill(rig, *keys)
        assert (await walk(rig, limit=2))[0] == sorted(keys)

    asyncio.run(run())


@pytest.mark.parametrize("limit", [1, 2, 1000])
def test_groups_count_as_one_and_come_once(limit: int) -> None:
    async def run() -> None:
        rig = Rig(rows_max=2)
        await rig.make_bucket()
        await fill(rig, b"a", b"a/1", b"a/2", b"a/x/1", b"b//1", b"b/1", b"c")
        assert (await walk(rig, limit=limit, delimiter=b"/"))[:2] == ([b"a", b"c"], [b"a/", b"b/"])
        within = await walk(rig, limit=limit, delimiter=b"/", prefix=b"a/")
        assert within[:2] == ([b"a/1", b"a/2"], [b"a/x/"])
        assert (await walk(rig, limit=limit, delimiter=b"//"))[1] == [b"b//"]
        assert (await walk(rig, limit=limit, delimiter=b"/", prefix=b"b/"))[1] == [b"b//"]
        assert (await walk(rig, limit=limit, prefix=b"zzz"))[:2] == ([], [])

    asyncio.run(run())


def test_after_a_prefix_the_group_is_skipped_and_after_a_key_the_rest_of_it_is_not() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        await fill(rig, b"a/", b"a/1", b"a/2", b"b")

        async def page(after: bytes, delimiter: bytes = b"/") -> tuple[list[bytes], list[bytes]]:
            request = ListRequest(bucket=BUCKET, delimiter=delimiter, after=after)
            found = await rig.store.list_objects(request)
            return [row.key for row in found.keys], found.prefixes

        assert await page(b"a/") == ([b"b"], [])
        assert await page(b"a/1") == ([b"b"], [b"a/"])
        assert await page(b"a/2") == ([b"b"], [])
        assert await page(b"a/", delimiter=b"") == ([b"a/1", b"a/2", b"b"], [])
        assert await page(b"zz") == ([], [])

    asyncio.run(run())


def test_no_rows_are_asked_for_or_all_there_are() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        await fill(rig, b"a", b"b")
        nothing = await rig.store.list_objects(ListRequest(bucket=BUCKET, limit=0))
        assert nothing == ObjectPage([], [], None)
        whole = await rig.store.list_objects(ListRequest(bucket=BUCKET, limit=2))
        assert whole.next_after is None
        assert len(whole.keys) == 2

    asyncio.run(run())


def test_hidden_keys_do_not_hide_their_group() -> None:
    async def run() -> None:
        rig = Rig(rows_max=3)
        await rig.make_bucket(Versioning.ENABLED)
        await fill(rig, b"g/0", b"g/1", b"g/2", b"g/3", b"h/1", b"z")
        for key in (b"g/0", b"g/1", b"g/2", b"h/1"):
            await rig.store.delete(BUCKET, ObjectKey(key))
        assert (await walk(rig, limit=1, delimiter=b"/"))[:2] == ([b"z"], [b"g/"])
        versions = await rig.store.list_versions(ListRequest(bucket=BUCKET, delimiter=b"/"))
        assert versions.prefixes == [b"g/", b"h/"]

    asyncio.run(run())


@pytest.mark.slow
@pytest.mark.parametrize("delimiter", [b"", b"/"])
@pytest.mark.parametrize("is_dead", [False, True])
def test_a_page_of_nothing_but_hidden_keys_ends_early_and_goes_on(
    delimiter: bytes, is_dead: bool
) -> None:
    async def run() -> None:
        rig = Rig(rows_max=5)
        await rig.make_bucket(Versioning.UNSET if is_dead else Versioning.ENABLED)
        keys = [b"g/"] + [b"g/%04d" % n for n in range(900)]
        await fill(rig, *keys, b"h", b"g/zzzz")
        for key in keys:
            await rig.store.delete(BUCKET, ObjectKey(key))
        found, prefixes, pages = await walk(rig, limit=10, delimiter=delimiter)
        assert (found, prefixes) == (([b"h"], [b"g/"]) if delimiter else ([b"g/zzzz", b"h"], []))
        assert pages > 2
        del rig.registers.calls[:]
        await rig.store.list_objects(ListRequest(bucket=BUCKET, limit=10, delimiter=delimiter))
        assert len(rig.registers.calls) < 100

    asyncio.run(run())


@pytest.mark.slow
def test_a_page_that_ends_at_a_dead_key_with_the_name_of_a_group_keeps_the_group() -> None:
    async def run() -> None:
        rig = Rig(rows_max=5)
        await rig.make_bucket()
        dead = [b"a%04d" % n for n in range(5 * (SCANS_MAX + 1) - 1)] + [b"g/"]
        await fill(rig, *dead, b"g/live", b"h")
        for key in dead:
            await rig.store.delete(BUCKET, ObjectKey(key))
        assert (await walk(rig, limit=10, delimiter=b"/"))[:2] == ([b"h"], [b"g/"])

    asyncio.run(run())


@pytest.mark.slow
def test_a_page_costs_the_same_in_a_large_bucket() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        await fill(rig, *[b"%02d/%04d" % (n % 50, n) for n in range(5000)])
        del rig.registers.calls[:]
        request = ListRequest(bucket=BUCKET, delimiter=b"/", limit=1000)
        page = await rig.store.list_objects(request)
        assert len(page.prefixes) == 50
        assert len(rig.registers.calls) == 1
        request = ListRequest(bucket=BUCKET, after=b"25/2525", limit=100)
        page = await rig.store.list_objects(request)
        assert len(page.keys) == 100
        assert len(rig.registers.calls) == 2

    asyncio.run(run())


def test_versions_go_on_behind_one_that_is_gone() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket(Versioning.ENABLED)
        made = [await rig.put(b"k", b"%d" % n) for n in range(40)]
        ids = [version.version_id for version in reversed(made)]
        request = ListRequest(bucket=BUCKET, limit=20)
        page = await rig.store.list_versions(request)
        assert (page.next_key, page.next_version_id) == (b"k", ids[19])
        await rig.store.delete(BUCKET, ObjectKey(b"k"), ids[19])
        rest = await rig.store.list_versions(
            ListRequest(bucket=BUCKET, after=b"k", after_id=ids[19])
        )
        assert [version.version_id for version in rest.versions] == ids[20:]
        behind = await rig.store.list_versions(ListRequest(bucket=BUCKET, after=b"k"))
        assert behind.versions == []

    asyncio.run(run())


def test_uploads_are_grouped_by_their_key_and_not_by_their_id() -> None:
    async def run() -> None:
        rig = Rig(rows_max=2)
        await rig.make_bucket()
        begun = []
        for key in (b"a", b"a", b"b/1", b"b/2", b"b/2", b"c"):
            request = PutRequest(bucket=BUCKET, key=ObjectKey(key))
            upload = await rig.store.create_upload(request, checksum_algorithm="", composite=False)
            begun.append((key, upload.upload_id))

        async def page(**fields: object) -> tuple[list[tuple[bytes, str]], list[bytes]]:
            request = ListRequest(bucket=BUCKET, **fields)  # type: ignore[arg-type]
            found = await rig.store.list_uploads(request)
            return [(one.key, one.upload_id) for one in found.uploads], found.prefixes

        assert await page() == (sorted(begun), [])
        assert await page(delimiter=b"/") == ([*begun[:2], begun[5]], [b"b/"])
        assert await page(delimiter=b"1") == ([*begun[:2], *begun[3:]], [b"b/1"])
        assert (await page(after=b"a"))[0] == begun[2:]
        assert (await page(after=b"a", after_id=begun[0][1]))[0] == begun[1:]
        assert (await page(after=b"b/", delimiter=b"/"))[0] == begun[5:]
        assert (await page(prefix=b"b/2"))[0] == begun[3:5]

    asyncio.run(run())
