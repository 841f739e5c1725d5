"""Copies within the cluster."""

from __future__ import annotations

import asyncio

import pytest

from atoll.base.errors import InvalidRange, ObjectNotFound, PreconditionFailed
from atoll.base.names import ObjectKey
from atoll.base.streams import WholeBody
from atoll.objects.contract import REDIRECT_HEADER, CompleteRequest, CopyRequest, PutRequest
from atoll.objects.digests import checksum_of
from atoll.objects.values import (
    Attributes,
    Checksum,
    Conditions,
    CopySource,
    NamedPart,
    RangeSpec,
)
from fakes.objects import BUCKET, PART_MIN, Rig, read_all

KEY, TARGET = ObjectKey(b"source"), ObjectKey(b"target")
SOURCE = CopySource(bucket=BUCKET, key=KEY)
ATTRIBUTES = Attributes(headers={"content-type": "a/b"}, metadata={"m": "1"}, tags={"t": "1"})


def copying(**fields: object) -> CopyRequest:
    made = {"bucket": BUCKET, "key": TARGET, "source": SOURCE, **fields}
    return CopyRequest(**made)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [0, 9, 200_000])
def test_a_copy_has_bytes_and_attributes_of_its_own(size: int) -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        content = b"c" * size
        body = WholeBody(content, algorithms=("SHA1",))
        request = PutRequest(bucket=BUCKET, key=KEY, attributes=ATTRIBUTES)
        source = await rig.store.put(request, body)
        made = await rig.store.copy(copying())
        assert (made.etag, made.checksum) == (source.etag, source.checksum)
        assert made.attributes == ATTRIBUTES
        other = await rig.store.copy(
            copying(attributes=Attributes(metadata={"n": "2"}), tags={}, checksum_algorithm="CRC32")
        )
        assert other.attributes == Attributes(metadata={"n": "2"})
        assert other.checksum == Checksum("CRC32", checksum_of("CRC32", content))
        assert other.etag == source.etag
        await rig.store.delete(BUCKET, KEY)
        assert await read_all(await rig.store.open(BUCKET, TARGET)) == content
        await rig.store.delete(BUCKET, TARGET)
        assert not rig.bytes.contents
        assert not rig.registers.pins

    asyncio.run(run())


def test_a_copy_onto_itself_changes_only_what_was_asked() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        await rig.put(KEY, b"c" * 100_000, attributes=ATTRIBUTES)
        changed = Attributes(metadata={"m": "2"})
        await rig.store.copy(copying(key=KEY, attributes=changed))
        opened = await rig.store.open(BUCKET, KEY)
        assert opened.version.attributes == Attributes(metadata={"m": "2"}, tags={"t": "1"})
        assert await read_all(opened) == b"c" * 100_000
        assert len(rig.bytes.contents) == 1

    asyncio.run(run())


def test_a_multipart_source_is_digested_anew_and_its_ranges_become_parts() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        upload = await rig.store.create_upload(
            PutRequest(bucket=BUCKET, key=KEY), checksum_algorithm="SHA256", composite=True
        )
        big = b"0123456789abcdef" * (PART_MIN // 16)
        parts = []
        for number, content in ((1, big), (2, b"tail")):
            part = await rig.store.put_part(
                BUCKET, KEY, upload.upload_id, number, WholeBody(content, algorithms=("SHA256",))
            )
            own = {"SHA256": checksum_of("SHA256", content)}
            parts.append(NamedPart(number=number, etag=part.etag, checksums=own))
        await rig.store.complete_upload(
            CompleteRequest(bucket=BUCKET, key=KEY, upload_id=upload.upload_id, parts=parts)
        )
        made = await rig.store.copy(copying())
        assert "-" not in made.etag
        assert made.parts_count == 0
        assert made.checksum == Checksum("SHA256", checksum_of("SHA256", big + b"tail"))

        target = await rig.store.create_upload(
            PutRequest(bucket=BUCKET, key=TARGET), checksum_algorithm="", composite=False
        )

        async def copy_range(spec: RangeSpec | None) -> int:
            source = CopySource(bucket=BUCKET, key=KEY, byte_range=spec)
            part = await rig.store.copy_part(BUCKET, TARGET, target.upload_id, 1, source)
            return part.size_bytes

        assert await copy_range(None) == PART_MIN + 4
        assert await copy_range(RangeSpec(PART_MIN - 1, PART_MIN)) == 2
        for spec in (RangeSpec(0, PART_MIN + 4), RangeSpec(PART_MIN + 4, None)):
            with pytest.raises(InvalidRange):
                await copy_range(spec)
        await rig.store.abort_upload(BUCKET, TARGET, target.upload_id)
        for key in (KEY, TARGET):
            await rig.store.delete(BUCKET, key)
        assert not rig.bytes.contents

    asyncio.run(run())


def test_conditions_of_source_and_target_are_judged() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        with pytest.raises(ObjectNotFound):
            await rig.store.copy(copying())
        made = await rig.put(KEY, b"c" * 100_000)
        known = CopySource(
            bucket=BUCKET, key=KEY, conditions=Conditions(if_none_match=(made.etag,))
        )
        with pytest.raises(PreconditionFailed):
            await rig.store.copy(copying(source=known))
        await rig.put(TARGET, b"there")
        with pytest.raises(PreconditionFailed):
            await rig.store.copy(copying(conditions=Conditions(if_none_match=("*",))))
        assert len(rig.bytes.contents) == 1

    asyncio.run(run())


def test_a_copy_has_no_redirect_but_its_own() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        headers = {REDIRECT_HEADER: "/old", "content-type": "a/b"}
        await rig.put(KEY, b"c", attributes=Attributes(headers=headers))
        plain = await rig.store.copy(copying())
        assert plain.attributes == Attributes(headers={"content-type": "a/b"})
        led = await rig.store.copy(copying(redirect="/new"))
        assert led.attributes.headers == {**headers, REDIRECT_HEADER: "/new"}

    asyncio.run(run())
