"""Completion of uploads: what it checks, what it makes, and that it makes it once."""

from __future__ import annotations

import asyncio
import hashlib
import random
from contextlib import suppress

import msgspec
import pytest

from atoll.base.errors import (
    ChecksumAlgorithmMismatch,
    ChecksumMissing,
    DigestMismatch,
    InvalidArgument,
    InvalidPart,
    InvalidPartNumber,
    InvalidPartOrder,
    Malformed,
    NotFound,
    OutcomeUnknown,
    PreconditionFailed,
    SizeMismatch,
    StoreError,
    TooSmall,
    Unavailable,
    UploadNotFound,
)
from atoll.base.names import ObjectKey
from atoll.base.streams import WholeBody
from atoll.objects.contract import CompleteRequest, ListRequest, PutRequest
from atoll.objects.digests import checksum_of
from atoll.objects.values import (
    Attributes,
    ByteRange,
    Checksum,
    Conditions,
    NamedPart,
    Part,
    PartSize,
    Upload,
    Versioning,
)
from atoll.registers.contract import Cell, Decide, Outcome
from fakes.objects import BUCKET, PART_MIN, Rig, read_all
from fakes.registers import Call, Fault

KEY = ObjectKey(b"key")
BIG = b"0123456789abcdef" * (PART_MIN // 16)


async def begin(rig: Rig, algorithm: str = "", *, composite: bool = False) -> Upload:
    request = PutRequest(bucket=BUCKET, key=KEY, attributes=Attributes(metadata={"m": "1"}))
    return await rig.store.create_upload(request, checksum_algorithm=algorithm, composite=composite)


async def add(rig: Rig, upload: Upload, number: int, content: bytes) -> Part:
    algorithms = (upload.checksum_algorithm,) if upload.checksum_composite else ()
    body = WholeBody(content, algorithms=algorithms)
    return await rig.store.put_part(BUCKET, KEY, upload.upload_id, number, body)


def name_part(part: Part) -> NamedPart:
    own = part.checksum
    checksums = {} if own is None else {own.algorithm: own.value}
    return NamedPart(number=part.number, etag=part.etag, checksums=checksums)


def completion(upload: Upload, *parts: Part, **fields: object) -> CompleteRequest:
    named = [name_part(part) for part in parts]
    return CompleteRequest(
        bucket=BUCKET,
        key=KEY,
        upload_id=upload.upload_id,
        parts=named,
        **fields,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("algorithm", "composite"),
    [("", False), ("CRC32", False), ("CRC64NVME", False), ("CRC32C", True), ("SHA256", True)],
)
def test_parts_make_one_object(algorithm: str, composite: bool) -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        upload = await begin(rig, algorithm, composite=composite)
        last = await add(rig, upload, 9, b"end")
        unused = await add(rig, upload, 5, b"unused")
        await add(rig, upload, 2, b"replaced")
        first = await add(rig, upload, 2, BIG)
        whole = BIG + b"end"
        kept = algorithm or "CRC64NVME"
        digests = b"".join(checksum_of(kept, part) for part in (BIG, b"end"))
        checksum = Checksum(kept, checksum_of(kept, digests if composite else whole), composite)
        request = completion(upload, first, last, checksum=checksum, size_bytes=len(whole))
        made = await rig.store.complete_upload(request)
        md5s = hashlib.md5(BIG).digest() + hashlib.md5(b"end").digest()
        assert made.etag == hashlib.md5(md5s).hexdigest() + "-2"
        assert made.checksum == checksum
        assert made.attributes.metadata == {"m": "1"}
        assert await rig.store.complete_upload(request) == made
        assert len(rig.bytes.contents) == 2, f"only the bytes of two parts stay, not {unused}"
        assert not rig.registers.live_keys(b"p/")

        opened = await rig.store.open(BUCKET, KEY)
        assert opened.version == made
        assert opened.part_range(2) == ByteRange(0, PART_MIN - 1)
        assert opened.part_range(9) == ByteRange(PART_MIN, PART_MIN + 2)
        with pytest.raises(InvalidPartNumber):
            opened.part_range(5)
        sizes, more = await opened.parts(0, 1)
        assert more
        assert [(size.number, size.size_bytes) for size in sizes] == [(2, PART_MIN)]
        sizes, more = await opened.parts(2, 5)
        assert not more
        one = Checksum(kept, checksum_of(kept, b"end"))
        assert sizes == [PartSize(9, 3, one)]
        assert await read_all(opened) == whole
        opened = await rig.store.open(BUCKET, KEY)
        assert await read_all(opened, ByteRange(PART_MIN - 3, PART_MIN)) == b"defe"
        await rig.store.delete(BUCKET, KEY)
        assert not rig.bytes.contents

    asyncio.run(run())


def test_thousands_of_parts_go_to_a_manifest() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        upload = await begin(rig, "CRC32")
        parts = [await add(rig, upload, n, BIG) for n in range(1, 19)]
        made = await rig.store.complete_upload(completion(upload, *parts))
        assert made.parts_count == 18
        assert len(rig.bytes.contents) == 19
        opened = await rig.store.open(BUCKET, KEY)
        assert opened.part_range(18).size_bytes == PART_MIN
        await rig.store.delete(BUCKET, KEY)
        assert len(rig.bytes.contents) == 19, "pinned"
        await opened.close()
        assert not rig.bytes.contents

    asyncio.run(run())


def test_what_a_completion_names_is_checked() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        upload = await begin(rig, "CRC32")
        one, two = await add(rig, upload, 1, b"1"), await add(rig, upload, 2, b"2")
        three = Part(number=3, size_bytes=1, etag=two.etag, modified_ns=0)
        changed = Part(number=2, size_bytes=1, etag=one.etag, modified_ns=0)
        cases: list[tuple[type[StoreError], CompleteRequest]] = [
            (Malformed, completion(upload)),
            (InvalidPartOrder, completion(upload, two, one)),
            (InvalidPartOrder, completion(upload, one, one)),
            (InvalidPart, completion(upload, one, three)),
            (InvalidPart, completion(upload, changed)),
            (TooSmall, completion(upload, one, two)),
            (SizeMismatch, completion(upload, one, size_bytes=2)),
            (DigestMismatch, completion(upload, one, checksum=Checksum("CRC32", bytes(4)))),
            (DigestMismatch, completion(upload, one, checksum=Checksum("SHA1", bytes(20)))),
        ]
        for error, request in cases:
            with pytest.raises(error):
                await rig.store.complete_upload(request)
        bad_digest = CompleteRequest(
            bucket=BUCKET,
            key=KEY,
            upload_id=upload.upload_id,
            parts=[NamedPart(number=1, etag=one.etag, checksums={"CRC32": bytes(4)})],
        )
        with pytest.raises(InvalidPart):
            await rig.store.complete_upload(bad_digest)
        assert not rig.registers.live_keys(b"b/")
        await rig.store.complete_upload(completion(upload, one))

    asyncio.run(run())


def test_a_part_of_a_composite_upload_needs_its_checksum() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        upload = await begin(rig, "SHA256", composite=True)
        for algorithms in ((), ("CRC32",)):
            body = WholeBody(b"1", algorithms=algorithms)
            with pytest.raises(ChecksumAlgorithmMismatch):
                await rig.store.put_part(BUCKET, KEY, upload.upload_id, 1, body)
        assert not rig.bytes.contents
        part = await add(rig, upload, 1, b"1")
        request = completion(upload, part)
        bare = msgspec.structs.replace(request, parts=[NamedPart(number=1, etag=part.etag)])
        with pytest.raises(ChecksumMissing):
            await rig.store.complete_upload(bare)
        await rig.store.complete_upload(request)

    asyncio.run(run())


@pytest.mark.parametrize("composite", [True, False])
def test_a_part_of_another_algorithm_than_the_upload_s_is_refused(composite: bool) -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        upload = await begin(rig, "CRC32", composite=composite)
        body = WholeBody(b"1", algorithms=("CRC32C",))
        with pytest.raises(ChecksumAlgorithmMismatch):
            await rig.store.put_part(BUCKET, KEY, upload.upload_id, 1, body)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (("CRC32", "CRC32"), "CRC32"),
        ((None, None), "CRC64NVME"),
        (("SHA1", "SHA1"), None),
        (("CRC32", None), None),
    ],
)
def test_an_upload_without_an_algorithm_takes_its_parts_checksums(
    sent: tuple[str | None, str | None], expected: str | None
) -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        upload = await begin(rig)
        parts = []
        for number, (algorithm, content) in enumerate(zip(sent, (BIG, b"end"), strict=True), 1):
            body = WholeBody(content, algorithms=(algorithm,) if algorithm else ())
            parts.append(await rig.store.put_part(BUCKET, KEY, upload.upload_id, number, body))
        made = await rig.store.complete_upload(completion(upload, *parts))
        whole = None
        if expected is not None:
            whole = Checksum(expected, checksum_of(expected, BIG + b"end"))
        assert made.checksum == whole

    asyncio.run(run())


def test_a_completed_upload_answers_its_own_list_only() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        upload = await begin(rig)
        one, two = await add(rig, upload, 1, b"1"), await add(rig, upload, 2, b"2")
        made = await rig.store.complete_upload(completion(upload, one))
        assert await rig.store.complete_upload(completion(upload, one)) == made
        changed = msgspec.structs.replace(one, etag="not hexadecimal")
        for other in (two, changed):
            with pytest.raises(UploadNotFound):
                await rig.store.complete_upload(completion(upload, other))

    asyncio.run(run())


def test_a_refused_condition_leaves_the_upload_open() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        upload = await begin(rig)
        part = await add(rig, upload, 1, b"1")
        there = await rig.put(KEY, b"there")
        never = Conditions(if_none_match=("*",))
        with pytest.raises(PreconditionFailed):
            await rig.store.complete_upload(completion(upload, part, conditions=never))
        assert (await rig.store.list_uploads(ListRequest(bucket=BUCKET))).uploads == [upload]
        matching = Conditions(if_match=(there.etag,))
        await rig.store.complete_upload(completion(upload, part, conditions=matching))

    asyncio.run(run())


def test_a_condition_that_fails_between_the_steps_reopens_the_upload() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        upload = await begin(rig)
        parts = [await add(rig, upload, n, BIG) for n in range(1, 18)]
        other = rig.open_store()
        request = completion(upload, *parts, conditions=Conditions(if_none_match=("*",)))
        writes = 0

        def stop_before_third(call: Call) -> Fault | None:
            nonlocal writes
            writes += call.verb == "write"
            return Fault.REFUSED if call.verb == "write" and writes == 3 else None

        rig.registers.faults = stop_before_third
        with pytest.raises(Unavailable):
            await rig.store.complete_upload(request)
        rig.registers.faults = None
        await rig.put(KEY, b"came first")
        with pytest.raises(PreconditionFailed):
            await other.complete_upload(request)
        assert (await other.list_uploads(ListRequest(bucket=BUCKET))).uploads == [upload]
        assert len(rig.bytes.contents) == 17, "the refused manifest went"
        await other.delete(BUCKET, KEY)
        assert not rig.registers.live_keys(b"b/"), "no token stays"
        await other.complete_upload(request)
        assert len((await other.list_versions(ListRequest(bucket=BUCKET))).versions) == 1

    asyncio.run(run())


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.NEVER, Fault.REFUSED])
@pytest.mark.parametrize("write", range(1, 6))
def test_a_stopped_completion_is_finished_by_a_retry_once(write: int, fault: Fault) -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket(Versioning.ENABLED)
        upload = await begin(rig)
        part = await add(rig, upload, 1, b"1")
        seen = 0

        def one(call: Call) -> Fault | None:
            nonlocal seen
            seen += call.verb == "write"
            return fault if call.verb == "write" and seen == write else None

        rig.registers.faults = one
        with suppress(Unavailable):
            await rig.store.complete_upload(completion(upload, part))
        rig.registers.faults = None
        made = await rig.open_store().complete_upload(completion(upload, part))
        page = await rig.store.list_versions(ListRequest(bucket=BUCKET))
        assert [version.version_id for version in page.versions] == [made.version_id]
        assert await read_all(await rig.store.open(BUCKET, KEY)) == b"1"
        # A completer that woke up late finds nothing left to do, even behind a delete.
        await rig.store.delete(BUCKET, KEY, made.version_id)
        assert await rig.open_store().complete_upload(completion(upload, part)) == made
        assert not (await rig.store.list_versions(ListRequest(bucket=BUCKET))).versions

    asyncio.run(run())


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(10))
def test_racing_completions_aborts_and_parts_make_one_consistent_end(chunk: int) -> None:
    for seed in range(chunk * 30, chunk * 30 + 30):
        asyncio.run(race(seed))


async def race(seed: int) -> None:
    chance = random.Random(seed)
    rig = Rig(yields=lambda: chance.randrange(4), rows_max=chance.choice([1, 3, 1 << 30]))
    await rig.make_bucket(chance.choice([Versioning.ENABLED, Versioning.UNSET]))
    upload = await begin(rig)
    parts = [await add(rig, upload, 1, b"first")]
    made: set[str] = set()
    results: list[str] = []

    async def complete() -> None:
        with suppress(NotFound, InvalidPart, Unavailable):
            request = completion(upload, chance.choice(parts))
            version = await rig.open_store().complete_upload(request)
            made.add(version.version_id + version.etag)
            results.append("completed")

    async def abort() -> None:
        with suppress(UploadNotFound):
            await rig.open_store().abort_upload(BUCKET, KEY, upload.upload_id)
            results.append("aborted")

    async def replace_part() -> None:
        for number in range(chance.randrange(14)):
            with suppress(NotFound, Unavailable):
                parts.append(await add(rig, upload, 1, b"again %d" % number))

    async def write() -> None:
        await rig.put(KEY, b"other" * 5000)
        await rig.store.delete(BUCKET, KEY)

    work = [complete, complete, replace_part, write, abort, complete]
    chance.shuffle(work)
    async with asyncio.TaskGroup() as group:
        for step in work[: chance.randrange(3, 7)]:
            group.create_task(step())
    assert len(made) <= 1, f"seed {seed}: one upload made {made}"
    assert not ("completed" in results and "aborted" in results), f"seed {seed}"
    page = await rig.store.list_versions(ListRequest(bucket=BUCKET))
    for version in page.versions:
        if not version.is_delete_marker:
            await read_all(await rig.store.open(BUCKET, KEY, version.version_id))
    step = await rig.store.expire_uploads(older_than_ns=1 << 63, budget=1000)
    await rig.store.expire_uploads(older_than_ns=1 << 63, budget=1000, start=step.next_start or b"")
    assert not rig.registers.live_keys(b"u/") + rig.registers.live_keys(b"p/")
    assert await rig.named() == set(rig.bytes.contents), f"seed {seed}"
    hollow = bool(rig.registers.live_keys(b"b/")) and not page.versions
    assert not hollow, f"seed {seed}: tokens were left"


def test_a_part_replaced_over_and_over_frees_what_it_replaced() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        upload = await begin(rig)
        for number in range(100):
            part = await add(rig, upload, 1, b"%d" % number)
        assert len(rig.bytes.contents) <= 10
        await rig.store.complete_upload(completion(upload, part))
        assert len(rig.bytes.contents) == 1
        assert await read_all(await rig.store.open(BUCKET, KEY)) == b"99"

    asyncio.run(run())


def test_a_part_of_an_upload_that_ended_meanwhile_is_taken_back() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        upload = await begin(rig)

        class Slow(WholeBody):
            def promised(self):
                loop = asyncio.new_event_loop()
                aborting = rig.open_store().abort_upload(BUCKET, KEY, upload.upload_id)
                with suppress(StopIteration):
                    # Nothing in the fakes waits, so the whole abort runs here.
                    aborting.send(None)
                loop.close()
                return super().promised()

        with pytest.raises(UploadNotFound):
            await rig.store.put_part(BUCKET, KEY, upload.upload_id, 1, Slow(b"late"))
        assert not rig.bytes.contents
        assert not rig.registers.live_keys(b"p/")

    asyncio.run(run())


def test_unknown_upload_ids_name_nothing() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        upload = await begin(rig)
        part = await add(rig, upload, 1, b"1")
        for name in ("", "x", "ab" * 20, "é" * 40, upload.upload_id + "\0"):
            with pytest.raises(UploadNotFound):
                await rig.store.abort_upload(BUCKET, KEY, name)  # type: ignore[arg-type]
            wrong = CompleteRequest(
                bucket=BUCKET,
                key=KEY,
                upload_id=name,  # type: ignore[arg-type]
                parts=[NamedPart(number=1, etag=part.etag)],
            )
            with pytest.raises(UploadNotFound):
                await rig.store.complete_upload(wrong)
        for number in (0, -1, 10_001):
            with pytest.raises(InvalidArgument):
                await add(rig, upload, number, b"1")

    asyncio.run(run())


def test_parts_are_listed_by_number_page_by_page() -> None:
    async def run() -> None:
        rig = Rig(rows_max=1)
        await rig.make_bucket()
        upload = await begin(rig)
        for number in (10_000, 1, 300):
            await add(rig, upload, number, b"%d" % number)
        after: int | None = 0
        numbers = []
        while after is not None:
            page = await rig.store.list_parts(BUCKET, KEY, upload.upload_id, after=after, limit=1)
            assert page.upload == upload
            numbers += [part.number for part in page.parts]
            after = page.next_number
        assert numbers == [1, 300, 10_000]
        nothing = await rig.store.list_parts(BUCKET, KEY, upload.upload_id, after=2**31, limit=10)
        assert nothing.parts == []

    asyncio.run(run())


def test_stale_uploads_expire_and_fresh_ones_stay() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        stale = await begin(rig)
        await add(rig, stale, 1, b"1")
        done = await begin(rig)
        await rig.store.complete_upload(completion(done, await add(rig, done, 1, b"1")))
        limit_ns = rig.clock.now_ns + 1
        fresh = await begin(rig)
        await add(rig, fresh, 1, b"1")
        start: bytes | None = b""
        ended = 0
        while start is not None:
            step = await rig.store.expire_uploads(older_than_ns=limit_ns, budget=1, start=start)
            ended += step.ended
            start = step.next_start
        assert ended == 2
        assert (await rig.store.list_uploads(ListRequest(bucket=BUCKET))).uploads == [fresh]
        assert len(rig.registers.live_keys(b"u/")) == 1
        assert await rig.named() == set(rig.bytes.contents)
        assert await read_all(await rig.store.open(BUCKET, KEY)) == b"1"

    asyncio.run(run())


@pytest.mark.parametrize("write", range(1, 6))
def test_a_stopped_completion_that_expires_replaces_nothing(write: int) -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        upload = await begin(rig)
        part = await add(rig, upload, 1, b"completed")
        seen = 0

        def one(call: Call) -> Fault | None:
            nonlocal seen
            seen += call.verb == "write"
            return Fault.LOST if call.verb == "write" and seen >= write else None

        rig.registers.faults = one
        with suppress(Unavailable):
            await rig.store.complete_upload(completion(upload, part))
        rig.registers.faults = None
        await rig.put(KEY, b"acknowledged since")
        start: bytes | None = b""
        while start is not None:
            step = await rig.store.expire_uploads(older_than_ns=1 << 63, budget=9, start=start)
            start = step.next_start
        assert await read_all(await rig.store.open(BUCKET, KEY)) == b"acknowledged since"
        assert not rig.registers.live_keys(b"u/") + rig.registers.live_keys(b"p/")
        assert await rig.named() == set(rig.bytes.contents)
        with pytest.raises(UploadNotFound):
            await rig.store.complete_upload(completion(upload, part))

    asyncio.run(run())


def test_a_lost_answer_of_the_first_step_makes_no_version() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        upload = await begin(rig)
        part = await add(rig, upload, 1, b"1")
        rig.registers.faults = lambda call: Fault.LOST if call.verb == "write" else None
        with pytest.raises(OutcomeUnknown):
            await rig.store.complete_upload(completion(upload, part))
        rig.registers.faults = None
        assert not (await rig.store.list_objects(ListRequest(bucket=BUCKET))).keys
        await rig.store.abort_upload(BUCKET, KEY, upload.upload_id)
        assert not rig.bytes.contents
        assert not rig.registers.live_keys(b"b/"), "the abort dropped the token"

    asyncio.run(run())


def test_a_completion_that_read_older_parts_starts_again() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.make_bucket()
        upload = await begin(rig)
        part = await add(rig, upload, 1, b"same")
        write = rig.registers.write
        has_raced = False

        async def racing(cell: Cell, decide: Decide, *, seal_epoch: int = 0) -> Outcome:
            nonlocal has_raced
            if cell.key.startswith(b"b/") and not has_raced:
                # Between the look at the parts and their freezing, the bytes seen are freed.
                has_raced = True
                for _ in range(20):
                    await add(rig, upload, 1, b"same")
            return await write(cell, decide, seal_epoch=seal_epoch)

        rig.registers.write = racing  # type: ignore[method-assign]
        await rig.store.complete_upload(completion(upload, part))
        assert has_raced
        assert await read_all(await rig.store.open(BUCKET, KEY)) == b"same"
        assert len(rig.bytes.contents) == 1

    asyncio.run(run())
