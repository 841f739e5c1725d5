"""The object layer against a dictionary: objects, versions, uploads, listings, faults.

Checks    after every step the listings show what the model holds, every version reads back, and the
          bytes stored are exactly the bytes named (after a lost answer: at least those).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    precondition,
    rule,
)

from atoll.base.errors import (
    BucketNotEmpty,
    BucketNotFound,
    Contended,
    ObjectNotFound,
    OutcomeUnknown,
    PreconditionFailed,
    Unavailable,
    UploadNotFound,
)
from atoll.base.names import ObjectKey, VersionId
from atoll.base.streams import WholeBody
from atoll.objects.contract import (
    BucketChange,
    CompleteRequest,
    CopyRequest,
    ListRequest,
    PutRequest,
)
from atoll.objects.digests import checksum_of
from atoll.objects.values import (
    Conditions,
    CopySource,
    NamedPart,
    ObjectVersion,
    Upload,
    Versioning,
)
from fakes.objects import BUCKET, Rig, StreamedBody, read_all
from fakes.registers import Call, Fault

T = TypeVar("T")

KEYS = st.sampled_from([b"a", b"a/", b"a/b", b"a/c", b"a//", b"b", b"b/a/c", "ü".encode()])
SIZES = st.sampled_from([0, 5, 16 * 1024, 16 * 1024 + 1, 70 * 1024])
FAULTS = st.sampled_from([Fault.LOST, Fault.NEVER, Fault.REFUSED])


class Version(msgspec.Struct):
    version_id: str
    content: bytes | None
    etag: str = ""
    tags: dict[str, str] = {}


class OneFault:
    """Faults the call of this number among the writes."""

    def __init__(self, number: int, fault: Fault) -> None:
        self.left = number
        self.fault = fault
        self.has_hit = False

    def __call__(self, call: Call) -> Fault | None:
        if call.verb != "write":
            return None
        self.left -= 1
        if self.left == 0:
            self.has_hit = True
            return self.fault
        return None


class ObjectRules(RuleBasedStateMachine):
    """Objects and versions."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.rig = Rig(rows_max=3)
        self.store = self.rig.store
        self.exists = True
        self.versioning = Versioning.UNSET
        self.keys: dict[bytes, list[Version]] = {}
        self.open_uploads: dict[str, tuple[bytes, dict[int, tuple[str, bytes]]]] = {}
        #: Uploads that a stopped delete of the bucket may have begun to end.
        self.half_ended: set[str] = set()
        #: Whether an answer was lost: then bytes may be left that nothing names.
        self.may_leak = False
        self.count = 0
        self.run(self.rig.make_bucket())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        self.runner.close()

    def content(self, size: int) -> bytes:
        self.count += 1
        return ((b"%08d" % self.count)[::-1] * (size // 8 + 1))[:size]

    def apply_put(self, key: bytes, version: Version) -> None:
        versions = self.keys.setdefault(key, [])
        if version.version_id == "null":
            versions[:] = [v for v in versions if v.version_id != "null"]
        versions.insert(0, version)

    def expect_id(self, version_id: str) -> None:
        assert (version_id != "null") == (self.versioning is Versioning.ENABLED)

    @rule(key=KEYS, size=SIZES, streamed=st.booleans())
    def put(self, key: bytes, size: int, streamed: bool) -> None:
        content = self.content(size)
        body = StreamedBody([content[:7], content[7:]]) if streamed else WholeBody(content)
        request = PutRequest(bucket=BUCKET, key=ObjectKey(key))
        if not self.exists:
            with pytest.raises(BucketNotFound):
                self.run(self.store.put(request, body))
            return
        made = self.run(self.store.put(request, body))
        self.expect_id(made.version_id)
        self.apply_put(key, Version(made.version_id, content, made.etag))

    @rule(key=KEYS, count=st.integers(20, 40))
    @precondition(lambda self: self.exists)
    def put_many(self, key: bytes, count: int) -> None:
        for _ in range(count):
            content = self.content(100)
            made = self.run(self.rig.put(key, content))
            self.apply_put(key, Version(made.version_id, content, made.etag))

    @rule(key=KEYS, data=st.data())
    @precondition(lambda self: self.exists)
    def put_if(self, key: bytes, data: st.DataObject) -> None:
        current = self.current(key)
        etag = data.draw(st.sampled_from(["other", "*", current.etag if current else "none"]))
        wants_match = data.draw(st.booleans())
        conditions = Conditions(
            if_match=(etag,) if wants_match else None,
            if_none_match=None if wants_match else (etag,),
        )
        content = self.content(data.draw(SIZES))
        matches = current is not None and etag in ("*", current.etag)
        if wants_match and current is None:
            with pytest.raises(ObjectNotFound):
                self.run(self.rig.put(key, content, conditions=conditions))
        elif matches != wants_match:
            with pytest.raises(PreconditionFailed):
                self.run(self.rig.put(key, content, conditions=conditions))
        else:
            made = self.run(self.rig.put(key, content, conditions=conditions))
            self.apply_put(key, Version(made.version_id, content, made.etag))

    def current(self, key: bytes) -> Version | None:
        versions = self.keys.get(key)
        return versions[0] if versions and versions[0].content is not None else None

    @rule(key=KEYS)
    @precondition(lambda self: self.exists)
    def delete(self, key: bytes) -> None:
        result = self.run(self.store.delete(BUCKET, ObjectKey(key)))
        if self.versioning is Versioning.UNSET:
            assert result.version_id is None
            self.keys.pop(key, None)
            return
        assert result.is_delete_marker
        assert result.version_id is not None
        self.expect_id(result.version_id)
        self.apply_put(key, Version(result.version_id, None))

    @rule(key=KEYS, data=st.data())
    @precondition(lambda self: self.exists)
    def delete_version(self, key: bytes, data: st.DataObject) -> None:
        ids = [v.version_id for v in self.keys.get(key, [])]
        version_id = data.draw(st.sampled_from([*ids, "null", "f" * 32, "nonsense"]))
        result = self.run(self.store.delete(BUCKET, ObjectKey(key), VersionId(version_id)))
        assert result.version_id == version_id
        gone = [v for v in self.keys.get(key, []) if v.version_id == version_id]
        assert result.is_delete_marker == any(v.content is None for v in gone)
        self.keys[key] = [v for v in self.keys.get(key, []) if v.version_id != version_id]

    @rule(key=KEYS, data=st.data())
    @precondition(lambda self: self.exists)
    def delete_most(self, key: bytes, data: st.DataObject) -> None:
        versions = self.keys.get(key, [])
        doomed = data.draw(st.permutations([v.version_id for v in versions]))[2:]
        for version_id in doomed:
            self.run(self.store.delete(BUCKET, ObjectKey(key), VersionId(version_id)))
        self.keys[key] = [v for v in versions if v.version_id not in doomed]

    @rule(key=KEYS, data=st.data())
    @precondition(lambda self: self.exists)
    def put_tags(self, key: bytes, data: st.DataObject) -> None:
        versions = [v for v in self.keys.get(key, []) if v.content is not None]
        if not versions:
            return
        version = data.draw(st.sampled_from(versions))
        version.tags = {"n": str(self.count)}
        version_id = VersionId(version.version_id)
        self.run(self.store.put_tags(BUCKET, ObjectKey(key), version_id, version.tags))

    @rule(source=KEYS, key=KEYS)
    def copy(self, source: bytes, key: bytes) -> None:
        found = self.current(source)
        request = CopyRequest(
            bucket=BUCKET,
            key=ObjectKey(key),
            source=CopySource(bucket=BUCKET, key=ObjectKey(source)),
        )
        if found is None:
            with pytest.raises((ObjectNotFound, BucketNotFound)):
                self.run(self.store.copy(request))
            return
        made = self.run(self.store.copy(request))
        self.apply_put(key, Version(made.version_id, found.content, made.etag, dict(found.tags)))


class ListingRules(ObjectRules):
    """What must hold, as listings and reads show it."""

    @invariant()
    def bytes_are_those_named(self) -> None:
        named = self.run(self.rig.named())
        stored = set(self.rig.bytes.contents)
        assert named <= stored
        assert self.may_leak or stored == named
        assert not self.rig.registers.pins

    @rule(limit=st.integers(1, 7), prefix=st.sampled_from([b"", b"a", b"a/", "ü".encode()]))
    @precondition(lambda self: self.exists)
    def list_objects(self, limit: int, prefix: bytes) -> None:
        for delimiter in (b"", b"/", b"//"):
            self.run(self.check_objects(limit, prefix, delimiter))

    async def check_objects(self, limit: int, prefix: bytes, delimiter: bytes) -> None:
        live = sorted(k for k in self.keys if self.current(k) is not None)
        keys, groups = split(live, prefix, delimiter)
        found: list[bytes] = []
        found_groups: list[bytes] = []
        after: bytes | None = b""
        while after is not None:
            page = await self.store.list_objects(
                ListRequest(
                    bucket=BUCKET, prefix=prefix, delimiter=delimiter, after=after, limit=limit
                )
            )
            assert len(page.keys) + len(page.prefixes) <= limit
            for row in page.keys:
                current = self.current(row.key)
                assert current is not None
                assert current.content is not None
                assert (row.etag, row.size_bytes) == (current.etag, len(current.content))
            found += [row.key for row in page.keys]
            found_groups += page.prefixes
            assert page.next_after is None or page.next_after > after
            after = page.next_after
        assert found == keys
        assert found_groups == groups

    @rule(limit=st.integers(1, 9), delimiter=st.sampled_from([b"", b"/"]))
    @precondition(lambda self: self.exists)
    def list_versions(self, limit: int, delimiter: bytes) -> None:
        self.run(self.check_versions(limit, delimiter))

    async def check_versions(self, limit: int, delimiter: bytes) -> None:
        keys, groups = split(sorted(k for k, v in self.keys.items() if v), b"", delimiter)
        expected = [
            (key, version.version_id, version.content is None, index == 0, version.tags)
            for key in keys
            for index, version in enumerate(self.keys[key])
        ]
        found = []
        found_groups: list[bytes] = []
        after: bytes | None = b""
        after_id = ""
        while after is not None:
            page = await self.store.list_versions(
                ListRequest(
                    bucket=BUCKET,
                    delimiter=delimiter,
                    after=after,
                    after_id=after_id,
                    limit=limit,
                )
            )
            assert len(page.versions) + len(page.prefixes) <= limit
            found += [
                (v.key, v.version_id, v.is_delete_marker, v.is_latest, v.attributes.tags)
                for v in page.versions
            ]
            found_groups += page.prefixes
            after, after_id = page.next_key, page.next_version_id or ""
        assert found == expected
        assert found_groups == groups

    @rule(limit=st.integers(1, 3), delimiter=st.sampled_from([b"", b"/", b"1"]))
    @precondition(lambda self: self.exists)
    def list_uploads(self, limit: int, delimiter: bytes) -> None:
        self.run(self.check_uploads(limit, delimiter))

    async def check_uploads(self, limit: int, delimiter: bytes) -> None:
        by_key = sorted((key, upload_id) for upload_id, (key, _) in self.open_uploads.items())
        keys, groups = split(sorted({key for key, _ in by_key}), b"", delimiter)
        found = []
        found_groups: list[bytes] = []
        after: bytes | None = b""
        after_id = ""
        while after is not None:
            page = await self.store.list_uploads(
                ListRequest(
                    bucket=BUCKET,
                    delimiter=delimiter,
                    after=after,
                    after_id=after_id,
                    limit=limit,
                )
            )
            found += [(u.key, u.upload_id) for u in page.uploads]
            found_groups += page.prefixes
            after, after_id = page.next_key, page.next_upload_id or ""
        assert found == [(key, upload_id) for key, upload_id in by_key if key in keys]
        assert found_groups == groups

    @rule(key=KEYS, data=st.data())
    @precondition(lambda self: self.exists)
    def read(self, key: bytes, data: st.DataObject) -> None:
        if not self.keys.get(key):
            return
        self.run(self.check_read(key, data.draw(st.sampled_from(self.keys[key]))))

    async def check_read(self, key: bytes, version: Version) -> None:
        current = self.current(key)
        if current is None:
            with pytest.raises(ObjectNotFound):
                await self.store.open(BUCKET, ObjectKey(key))
        else:
            assert await read_all(await self.store.open(BUCKET, ObjectKey(key))) == current.content
        if version.content is not None:
            version_id = VersionId(version.version_id)
            opened = await self.store.open(BUCKET, ObjectKey(key), version_id)
            assert opened.version.etag == version.etag
            assert opened.version.attributes.tags == version.tags
            assert await read_all(opened) == version.content


class UploadRules(ListingRules):
    """Uploads."""

    uploads = Bundle("uploads")

    @rule(
        target=uploads,
        key=KEYS,
        algorithm=st.sampled_from(["", "CRC32", "SHA256"]),
        sizes=st.lists(SIZES, max_size=2),
    )
    @precondition(lambda self: self.exists)
    def begin(self, key: bytes, algorithm: str, sizes: list[int]) -> Upload:
        request = PutRequest(bucket=BUCKET, key=ObjectKey(key))
        upload = self.run(
            self.store.create_upload(
                request, checksum_algorithm=algorithm, composite=algorithm == "SHA256"
            )
        )
        self.open_uploads[upload.upload_id] = (key, {})
        for number, size in enumerate(sizes, 1):
            self.put_part_of(upload, number, size)
        return upload

    @rule(upload=uploads, number=st.integers(1, 2), size=SIZES)
    @precondition(lambda self: self.exists)
    def put_part(self, upload: Upload, number: int, size: int) -> None:
        if upload.upload_id in self.open_uploads:
            self.put_part_of(upload, number, size)
            return
        body = WholeBody(self.content(size))
        with pytest.raises(UploadNotFound):
            self.run(self.store.put_part(BUCKET, upload.key, upload.upload_id, number, body))

    def put_part_of(self, upload: Upload, number: int, size: int) -> None:
        content = self.content(size)
        algorithms = (upload.checksum_algorithm,) if upload.checksum_composite else ()
        body = WholeBody(content, algorithms=algorithms)
        part = self.run(self.store.put_part(BUCKET, upload.key, upload.upload_id, number, body))
        self.open_uploads[upload.upload_id][1][number] = (part.etag, content)

    @rule(upload=uploads, data=st.data(), once=st.booleans())
    @precondition(lambda self: self.exists)
    def complete(self, upload: Upload, data: st.DataObject, once: bool) -> None:
        if upload.upload_id not in self.open_uploads:
            return
        key, parts = self.open_uploads[upload.upload_id]
        if not parts:
            return
        numbers = (data.draw(st.sampled_from(sorted(parts))),)
        request = self.completion(upload, numbers)
        made = self.run(self.store.complete_upload(request))
        if not once:
            assert self.run(self.store.complete_upload(request)) == made
        self.apply_completion(upload, made, numbers)
        assert key == made.key

    def completion(self, upload: Upload, numbers: tuple[int, ...]) -> CompleteRequest:
        parts = self.open_uploads[upload.upload_id][1]
        return CompleteRequest(
            bucket=BUCKET,
            key=upload.key,
            upload_id=upload.upload_id,
            parts=[self.name_part(upload, n, *parts[n]) for n in numbers],
        )

    def name_part(self, upload: Upload, number: int, etag: str, content: bytes) -> NamedPart:
        """Name a part, with its checksum where the upload's type asks for it."""
        algorithm = upload.checksum_algorithm
        own = {algorithm: checksum_of(algorithm, content)} if upload.checksum_composite else {}
        return NamedPart(number=number, etag=etag, checksums=own)

    def apply_completion(
        self, upload: Upload, made: ObjectVersion, numbers: tuple[int, ...]
    ) -> None:
        key, parts = self.open_uploads.pop(upload.upload_id)
        content = b"".join(parts[n][1] for n in numbers)
        assert made.size_bytes == len(content)
        assert made.etag.endswith(f"-{len(numbers)}")
        self.apply_put(key, Version(made.version_id, content, made.etag))

    @rule(upload=uploads, number=st.integers(1, 2), write=st.integers(1, 8), fault=FAULTS)
    def complete_through_faults(
        self, upload: Upload, number: int, write: int, fault: Fault
    ) -> None:
        if upload.upload_id not in self.open_uploads:
            return
        if number not in self.open_uploads[upload.upload_id][1]:
            return
        request = self.completion(upload, (number,))
        faults = OneFault(write, fault)
        self.rig.registers.faults = faults
        with suppress(Unavailable):
            self.run(self.store.complete_upload(request))
        self.may_leak = self.may_leak or faults.has_hit
        self.rig.registers.faults = None
        # Whatever was lost: a retry, by another node, makes the one version.
        made = self.run(self.rig.open_store().complete_upload(request))
        self.apply_completion(upload, made, (number,))

    @rule(upload=consumes(uploads))
    @precondition(lambda self: self.exists)
    def abort(self, upload: Upload) -> None:
        call = self.store.abort_upload(BUCKET, upload.key, upload.upload_id)
        if upload.upload_id in self.half_ended:
            with suppress(UploadNotFound):
                self.run(call)
        elif self.open_uploads.pop(upload.upload_id, None) is None:
            with pytest.raises(UploadNotFound):
                self.run(call)
        else:
            self.run(call)

    @rule(chance=st.integers(0, 3))
    def expire(self, chance: int) -> None:
        if chance:
            return
        start: bytes | None = b""
        while start is not None:
            step = self.run(
                self.store.expire_uploads(
                    older_than_ns=self.rig.clock.now_ns + 1, budget=5, start=start
                )
            )
            start = step.next_start
        self.open_uploads.clear()
        assert not self.rig.registers.live_keys(b"u/")
        assert not self.rig.registers.live_keys(b"p/")


class ObjectModel(UploadRules):
    """Buckets, and answers that are lost."""

    @rule(state=st.sampled_from([Versioning.ENABLED, Versioning.SUSPENDED]))
    @precondition(lambda self: self.exists)
    def set_versioning(self, state: Versioning) -> None:
        self.run(self.store.update_bucket(BUCKET, BucketChange(versioning=state)))
        self.versioning = state

    @rule()
    def delete_bucket(self) -> None:
        if not self.exists:
            with pytest.raises(BucketNotFound):
                self.run(self.store.delete_bucket(BUCKET))
        elif any(self.keys.values()):
            with pytest.raises(BucketNotEmpty):
                self.run(self.store.delete_bucket(BUCKET))
        else:
            self.run(self.store.delete_bucket(BUCKET))
            self.forget_bucket()

    def forget_bucket(self) -> None:
        self.exists = False
        self.versioning = Versioning.UNSET
        self.keys.clear()
        self.open_uploads.clear()
        if not self.may_leak:
            assert not self.rig.registers.live_keys()

    @rule()
    @precondition(lambda self: not self.exists)
    def create_bucket(self) -> None:
        self.run(self.rig.make_bucket())
        self.exists = True

    @rule(key=KEYS, size=SIZES.filter(bool), fault=FAULTS)
    @precondition(lambda self: self.exists)
    def put_through_fault(self, key: bytes, size: int, fault: Fault) -> None:
        content = self.content(size)
        self.rig.registers.faults = OneFault(1, fault)
        with pytest.raises((OutcomeUnknown, Contended)):
            self.run(self.rig.put(key, content))
        self.rig.registers.faults = None
        self.may_leak = True
        before = {v.version_id: v.content for v in self.keys.get(key, [])}
        if self.versioning is Versioning.ENABLED:
            page = self.run(
                self.store.list_versions(ListRequest(bucket=BUCKET, prefix=key, limit=1))
            )
            shown = page.versions[0] if page.versions and page.versions[0].key == key else None
            is_new = shown is not None and shown.version_id not in before
        else:
            shown, is_new = self.run(self.find(key, content))
        assert not is_new or fault is Fault.LOST
        if is_new and shown is not None:
            self.apply_put(key, Version(shown.version_id, content, shown.etag))

    async def find(self, key: bytes, content: bytes) -> tuple[ObjectVersion | None, bool]:
        try:
            opened = await self.store.open(BUCKET, ObjectKey(key))
        except ObjectNotFound:
            return None, False
        found = await read_all(opened)
        return opened.version, found == content

    @rule(write=st.integers(1, 6), fault=FAULTS)
    @precondition(lambda self: self.exists)
    def delete_bucket_through_faults(self, write: int, fault: Fault) -> None:
        faults = OneFault(write, fault)
        self.rig.registers.faults = faults
        is_refused = False
        try:
            self.run(self.store.delete_bucket(BUCKET))
            is_gone = True
        except BucketNotEmpty:
            is_gone, is_refused = False, True
        except Unavailable:
            is_gone = None
            self.may_leak = True
        self.rig.registers.faults = None
        if is_refused:
            assert any(self.keys.values())
            return
        assert not any(self.keys.values())
        if is_gone is None:
            # Half a delete: the bucket is there or not; a second delete ends it.
            with suppress(BucketNotFound):
                self.run(self.rig.open_store().delete_bucket(BUCKET))
        with pytest.raises(BucketNotFound):
            self.run(self.rig.open_store().head_bucket(BUCKET))
        self.forget_bucket()

    @rule(write=st.integers(1, 6), key=KEYS)
    @precondition(lambda self: self.exists)
    def put_revives_bucket_half_deleted(self, write: int, key: bytes) -> None:
        if any(self.keys.values()):
            return
        self.rig.registers.faults = OneFault(write, Fault.REFUSED)
        try:
            self.run(self.store.delete_bucket(BUCKET))
        except Unavailable:
            pass
        else:
            self.rig.registers.faults = None
            self.forget_bucket()
            return
        self.rig.registers.faults = None
        self.may_leak = True
        content = self.content(10)
        made = self.run(self.rig.put(key, content))
        self.apply_put(key, Version(made.version_id, content, made.etag))
        # The delete may have ended some uploads before it was stopped.
        page = self.run(self.store.list_uploads(ListRequest(bucket=BUCKET)))
        left = {upload.upload_id for upload in page.uploads}
        self.half_ended |= self.open_uploads.keys() - left
        self.open_uploads = {i: u for i, u in self.open_uploads.items() if i in left}


def split(keys: list[bytes], prefix: bytes, delimiter: bytes) -> tuple[list[bytes], list[bytes]]:
    """Return the keys that stand alone and the common prefixes, as S3 defines them."""
    alone: list[bytes] = []
    groups: list[bytes] = []
    for key in keys:
        if not key.startswith(prefix):
            continue
        at = key.find(delimiter, len(prefix)) if delimiter else -1
        if at < 0:
            alone.append(key)
        elif key[: at + len(delimiter)] not in groups:
            groups.append(key[: at + len(delimiter)])
    return alone, groups


TestObjectModel = ObjectModel.TestCase
TestObjectModel.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
TestObjectModel.pytestmark = [pytest.mark.slow]
