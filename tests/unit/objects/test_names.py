"""Which data a register's value names, for heal."""

import asyncio

from atoll.base.names import ObjectKey
from atoll.base.streams import WholeBody
from atoll.core.formats.data_ref import StoredRef
from atoll.core.formats.object_record import VersionRecord
from atoll.core.formats.upload_record import (
    Completion,
    UploadRecord,
    UploadState,
    encode_upload,
)
from atoll.objects.contract import CompleteRequest, PutRequest
from atoll.objects.keys import upload_cell
from atoll.objects.names import DataNames, bucket_ranges
from atoll.objects.values import NamedPart, Versioning
from fakes.objects import BUCKET, PART_MIN, Rig

OWNER = b"b/12345678key"


async def all_refs(rig):
    names = DataNames(rig.bytes)
    refs = []
    for key in rig.registers.live_keys():
        refs += [ref async for ref in names.refs(key, rig.registers.value(key).head)]
    return refs


def test_versions_in_heads_and_pages_are_named_with_their_owner():
    async def main():
        rig = Rig()
        await rig.make_bucket(Versioning.ENABLED)
        for number in range(90):
            await rig.put(b"k", b"%03d" % number * 7_000)
        refs = await all_refs(rig)
        assert {ref.data_id for ref in refs} == set(rig.bytes.contents)
        assert len(refs) == len(rig.bytes.contents) > 90
        (owner,) = {ref.key for ref in refs}
        assert owner.startswith(b"b/")
        assert owner.endswith(b"k")

    asyncio.run(main())


def test_a_page_comes_before_what_it_lists():
    async def main():
        rig = Rig()
        await rig.make_bucket(Versioning.ENABLED)
        for number in range(90):
            await rig.put(b"k", b"%03d" % number * 7_000)
        (key,) = rig.registers.live_keys(b"b/")
        names = DataNames(rig.bytes)
        seen = set()
        async for ref in names.refs(key, rig.registers.value(key).head):
            reads = rig.bytes.reads
            seen.add((ref.data_id, reads))
        # No page was read before it had been yielded itself.
        assert min(reads for _, reads in seen) == 0

    asyncio.run(main())


def test_parts_are_named_by_their_own_registers_and_then_by_the_object():
    async def main():
        rig = Rig()
        await rig.make_bucket()
        key = ObjectKey(b"k")
        upload = await rig.store.create_upload(
            PutRequest(bucket=BUCKET, key=key), checksum_algorithm="", composite=False
        )
        parts = [
            await rig.store.put_part(
                BUCKET, key, upload.upload_id, number, WholeBody(bytes([number]) * PART_MIN)
            )
            for number in (1, 2)
        ]
        refs = await all_refs(rig)
        assert {ref.data_id for ref in refs} == set(rig.bytes.contents)
        assert all(ref.key.startswith(b"b/") for ref in refs)
        request = CompleteRequest(
            bucket=BUCKET,
            key=key,
            upload_id=upload.upload_id,
            parts=[NamedPart(number=part.number, etag=part.etag) for part in parts],
        )
        await rig.store.complete_upload(request)
        assert {ref.data_id for ref in await all_refs(rig)} == set(rig.bytes.contents)

    asyncio.run(main())


def make_upload(state):
    manifest = StoredRef(bytes(16), 0, 2, 2, 1 << 20, 99, True)
    version = VersionRecord("null", False, 1, manifest=manifest)
    completion = Completion(b"token", version)
    record = UploadRecord("0" * 40, state, 0, 1, {}, {}, {}, completion=completion)
    return upload_cell(b"12345678", b"key", "0" * 40).key, encode_upload(record)


def test_an_upload_names_its_manifest_only_while_it_is_being_completed():
    async def main():
        names = DataNames(Rig().bytes)
        key, head = make_upload(UploadState.COMPLETING)
        refs = [ref async for ref in names.refs(key, head)]
        assert [(ref.key, ref.size_bytes) for ref in refs] == [(OWNER, 99)]
        key, head = make_upload(UploadState.COMPLETED)
        assert [ref async for ref in names.refs(key, head)] == []

    asyncio.run(main())


def test_registers_of_other_kinds_name_no_data():
    async def main():
        names = DataNames(Rig().bytes)
        assert [ref async for ref in names.refs(b"n/bucket", b"whatever")] == []
        assert names.companions(b"n/bucket") == ()

    asyncio.run(main())


def test_companions_are_the_uploads_and_parts_of_one_key():
    names = DataNames(Rig().bytes)
    ranges = names.companions(OWNER)
    key, _ = make_upload(UploadState.OPEN)
    assert sum(start <= key < end for start, end in ranges) == 1
    longer = upload_cell(b"12345678", b"key2", "0" * 40).key
    assert not any(start <= longer < end for start, end in ranges)


def test_the_ranges_of_a_bucket_hold_its_register_and_keys_under_the_prefix():
    ranges = bucket_ranges(BUCKET, incarnation=b"\xff" * 8, prefix=b"pre")
    inside = [
        b"n/" + BUCKET.encode(),
        b"b/" + b"\xff" * 8 + b"prefix",
        b"u/" + b"\xff" * 8 + b"pre",
    ]
    outside = [b"n/" + BUCKET.encode() + b"x", b"b/" + b"\xff" * 8 + b"prf", b"b/" + b"\xfe" * 8]
    for key in inside:
        assert sum(start <= key < end for start, end in ranges) == 1
    for key in outside:
        assert not any(start <= key < end for start, end in ranges)
