"""An object store in memory, complete and simple: the specification the real one is compared with.

Owns      `MemoryObjectStore`, all of `objects.contract.ObjectStore` on dictionaries.
Does not  survive a restart, bound its memory, or hide concurrency: each call is atomic, because
          nothing awaits between its first look and its last change once the body has been read.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import msgspec
from awscrt import checksums as crt

from atoll.base.errors import (
    BucketExists,
    BucketNotEmpty,
    BucketNotFound,
    DigestMismatch,
    IncompleteBody,
    InvalidPart,
    InvalidPartNumber,
    InvalidPartOrder,
    InvalidRange,
    MethodNotAllowed,
    NotModified,
    ObjectNotFound,
    PreconditionFailed,
    TooSmall,
    UploadNotFound,
    VersionNotFound,
)
from atoll.base.limits import PART_BYTES_MIN
from atoll.base.streams import Body
from atoll.base.units import NS_PER_S
from atoll.objects.contract import (
    REDIRECT_HEADER,
    BucketChange,
    CompleteRequest,
    CopyRequest,
    ListRequest,
    PutRequest,
)
from atoll.objects.values import (
    Attributes,
    Bucket,
    BucketPage,
    ByteRange,
    Checksum,
    Conditions,
    CopySource,
    DeleteResult,
    ListedKey,
    ObjectPage,
    ObjectVersion,
    Part,
    PartPage,
    PartSize,
    RangeSpec,
    Upload,
    UploadPage,
    Versioning,
    VersionPage,
)

NULL = "null"


def digest(algorithm: str, content: bytes) -> bytes:
    """Return a digest by its S3 name."""
    if algorithm in ("SHA1", "SHA256"):
        return hashlib.new(algorithm, content).digest()
    if algorithm == "CRC64NVME":
        return crt.crc64nvme(content).to_bytes(8, "big")
    function = {"CRC32": crt.crc32, "CRC32C": crt.crc32c}[algorithm]
    return function(content).to_bytes(4, "big")


class TickingClock:
    """A clock that advances one second with every look, so that times differ and repeat."""

    def __init__(self, start_s: int = 1_700_000_000) -> None:
        self.now_s = start_s

    def time_ns(self) -> int:
        self.now_s += 1
        return self.now_s * NS_PER_S

    def monotonic_s(self) -> float:
        return float(self.now_s)


class _Stored:
    """One version with its bytes."""

    __slots__ = ("content", "parts", "version")

    def __init__(self, version: ObjectVersion, content: bytes, parts: list[PartSize]) -> None:
        self.version = version
        self.content = content
        self.parts = parts


class _Uploading:
    """One upload: its parts by number, and the version once it was completed."""

    __slots__ = ("bucket", "completed", "conditions", "parts", "upload")

    def __init__(self, bucket: str, upload: Upload) -> None:
        self.bucket = bucket
        self.upload = upload
        self.parts: dict[int, tuple[Part, bytes]] = {}
        self.completed: ObjectVersion | None = None


class _Opened:
    """A version opened for reading."""

    def __init__(self, stored: _Stored) -> None:
        self.version = stored.version
        self.inline: bytes | None = stored.content if len(stored.content) <= 16_384 else None
        self._stored = stored
        self.is_closed = False

    async def stream(self, wanted: ByteRange | None = None) -> AsyncIterator[bytes | memoryview]:
        content = self._stored.content
        if wanted is not None:
            content = content[wanted.first : wanted.last + 1]
        for start in range(0, len(content), 1 << 20):
            yield content[start : start + (1 << 20)]

    def part_range(self, number: int) -> ByteRange:
        first = 0
        if not self._stored.parts and number == 1:
            return ByteRange(0, len(self._stored.content) - 1)
        for part in self._stored.parts:
            if part.number == number:
                return ByteRange(first, first + part.size_bytes - 1)
            first += part.size_bytes
        raise InvalidPartNumber(number=number, parts_count=max(1, len(self._stored.parts)))

    async def parts(self, after: int, limit: int) -> tuple[list[PartSize], bool]:
        rest = [part for part in self._stored.parts if part.number > after]
        return rest[:limit], len(rest) > limit

    async def close(self) -> None:
        self.is_closed = True


class MemoryObjectStore:
    """All of the object layer's contract, on dictionaries."""

    def __init__(self, clock: Any = None, *, part_bytes_min: int = PART_BYTES_MIN) -> None:
        self.clock = clock or TickingClock()
        self.part_bytes_min = part_bytes_min
        self.buckets: dict[str, Bucket] = {}
        #: bucket → key → versions, newest first.
        self.versions: dict[str, dict[bytes, list[_Stored]]] = {}
        self.uploads: dict[str, _Uploading] = {}
        self._sequence = 0

    # ── buckets ────────────────────────────────────────────────────────────────────────────────

    async def create_bucket(self, name: str, *, owner: str, region: str) -> Bucket:
        if name in self.buckets:
            raise BucketExists(owned=self.buckets[name].owner == owner)
        bucket = Bucket(
            name=name,
            incarnation=self._unique().encode(),
            created_ns=self.clock.time_ns(),
            region=region,
            owner=owner,
        )
        self.buckets[name] = bucket
        self.versions[name] = {}
        return bucket

    async def head_bucket(self, name: str) -> Bucket:
        if name not in self.buckets:
            raise BucketNotFound(bucket=name)
        return self.buckets[name]

    async def update_bucket(self, name: str, change: BucketChange) -> Bucket:
        bucket = await self.head_bucket(name)
        if change.versioning is not None:
            bucket = msgspec.structs.replace(bucket, versioning=change.versioning)
        if change.tags is not None:
            bucket = msgspec.structs.replace(bucket, tags=dict(change.tags))
        self.buckets[name] = bucket
        return bucket

    async def delete_bucket(self, name: str) -> None:
        await self.head_bucket(name)
        if self.versions[name]:
            raise BucketNotEmpty(bucket=name)
        for upload_id in [u for u, entry in self.uploads.items() if entry.bucket == name]:
            del self.uploads[upload_id]
        del self.buckets[name], self.versions[name]

    async def list_buckets(self, *, prefix: str, after: str, limit: int) -> BucketPage:
        names = sorted(n for n in self.buckets if n.startswith(prefix) and n > after)
        page = [self.buckets[name] for name in names[:limit]]
        return BucketPage(page, page[-1].name if page and len(names) > limit else None)

    # ── objects ────────────────────────────────────────────────────────────────────────────────

    async def put(self, request: PutRequest, body: Body) -> ObjectVersion:
        await self.head_bucket(request.bucket)
        content, checksum = await _read_body(body)
        return self._commit(request, content, hashlib.md5(content).hexdigest(), checksum)

    async def open(
        self,
        bucket: str,
        key: bytes,
        version_id: str | None = None,
        conditions: Conditions = Conditions(),  # noqa: B008
    ) -> _Opened:
        stored = self._find(bucket, key, version_id)
        check_read(stored.version, conditions)
        return _Opened(stored)

    async def delete(
        self,
        bucket: str,
        key: bytes,
        version_id: str | None = None,
        conditions: Conditions = Conditions(),  # noqa: B008
    ) -> DeleteResult:
        mode = (await self.head_bucket(bucket)).versioning
        if version_id is not None:
            return self._delete_version(bucket, key, version_id, conditions)
        self._check_write(bucket, key, conditions)
        if mode is Versioning.UNSET:
            self.versions[bucket].pop(key, None)
            return DeleteResult(version_id=None, is_delete_marker=False)
        marker = ObjectVersion(
            key=key,
            version_id=self._version_id(mode),
            is_delete_marker=True,
            is_latest=True,
            modified_ns=self.clock.time_ns(),
        )
        self._insert(bucket, _Stored(marker, b"", []))
        return DeleteResult(version_id=marker.version_id, is_delete_marker=True)

    async def copy(self, request: CopyRequest) -> ObjectVersion:
        await self.head_bucket(request.bucket)
        source = self._source(request.source)
        attributes = source.version.attributes
        if request.attributes is not None:
            attributes = msgspec.structs.replace(request.attributes, tags=attributes.tags)
        else:
            headers = {**attributes.headers, REDIRECT_HEADER: request.redirect or ""}
            kept = {name: value for name, value in headers.items() if value}
            attributes = msgspec.structs.replace(attributes, headers=kept)
        if request.tags is not None:
            attributes = msgspec.structs.replace(attributes, tags=request.tags)
        checksum = source.version.checksum
        algorithm = request.checksum_algorithm or (checksum.algorithm if checksum else "")
        if algorithm:
            checksum = Checksum(algorithm, digest(algorithm, source.content))
        target = PutRequest(
            bucket=request.bucket,
            key=request.key,
            attributes=attributes,
            conditions=request.conditions,
        )
        etag = hashlib.md5(source.content).hexdigest()
        return self._commit(target, source.content, etag, checksum)

    async def put_tags(
        self, bucket: str, key: bytes, version_id: str | None, tags: Mapping[str, str]
    ) -> ObjectVersion:
        stored = self._find(bucket, key, version_id)
        attributes = msgspec.structs.replace(stored.version.attributes, tags=dict(tags))
        stored.version = msgspec.structs.replace(stored.version, attributes=attributes)
        return stored.version

    # ── listings ───────────────────────────────────────────────────────────────────────────────

    async def list_objects(self, request: ListRequest) -> ObjectPage:
        await self.head_bucket(request.bucket)
        live = self.versions[request.bucket]
        names = (k for k in sorted(live) if not live[k][0].version.is_delete_marker)
        keys: list[ListedKey] = []
        prefixes: list[bytes] = []
        last: bytes | None = None
        for key, prefix in _fold(names, request):
            if len(keys) + len(prefixes) == request.limit:
                return ObjectPage(keys, prefixes, last)
            last = key if prefix is None else prefix
            if prefix is not None:
                prefixes.append(prefix)
                continue
            version = live[key][0].version
            checksum = version.checksum
            keys.append(
                ListedKey(
                    key,
                    version.modified_ns,
                    version.size_bytes,
                    version.etag,
                    checksum.algorithm if checksum else "",
                    checksum.composite if checksum else False,
                )
            )
        return ObjectPage(keys, prefixes, None)

    async def list_versions(self, request: ListRequest) -> VersionPage:
        await self.head_bucket(request.bucket)
        live = self.versions[request.bucket]
        rows: list[ObjectVersion] = []
        prefixes: list[bytes] = []
        last: tuple[bytes | None, str | None] = (None, None)
        for key, prefix in _fold(sorted(live), request, is_resumed_inside=True):
            if prefix is not None:
                if len(rows) + len(prefixes) == request.limit:
                    return VersionPage(rows, prefixes, *last)
                prefixes.append(prefix)
                last = (prefix, None)
                continue
            for version in _behind(live[key], request, key):
                if len(rows) + len(prefixes) == request.limit:
                    return VersionPage(rows, prefixes, *last)
                rows.append(version)
                last = (key, version.version_id)
        return VersionPage(rows, prefixes, None, None)

    # ── multipart ──────────────────────────────────────────────────────────────────────────────

    async def create_upload(
        self, request: PutRequest, *, checksum_algorithm: str, composite: bool
    ) -> Upload:
        await self.head_bucket(request.bucket)
        upload = Upload(
            key=request.key,
            upload_id=self._unique(),
            initiated_ns=self.clock.time_ns(),
            attributes=request.attributes,
            checksum_algorithm=checksum_algorithm,
            checksum_composite=composite,
        )
        self.uploads[upload.upload_id] = _Uploading(request.bucket, upload)
        return upload

    async def put_part(
        self, bucket: str, key: bytes, upload_id: str, number: int, body: Body
    ) -> Part:
        self._uploading(bucket, key, upload_id)
        content, checksum = await _read_body(body)
        return self._keep_part(bucket, key, upload_id, number, content, checksum)

    async def copy_part(
        self, bucket: str, key: bytes, upload_id: str, number: int, source: CopySource
    ) -> Part:
        self._uploading(bucket, key, upload_id)
        content = self._source(source).content
        if source.byte_range is not None:
            content = cut(content, source.byte_range)
        return self._keep_part(bucket, key, upload_id, number, content, None)

    async def complete_upload(self, request: CompleteRequest) -> ObjectVersion:
        entry = self.uploads.get(request.upload_id)
        if entry and entry.completed and entry.upload.key == request.key:
            return entry.completed
        entry = self._uploading(request.bucket, request.key, request.upload_id)
        chosen = self._choose_parts(entry, request)
        content = b"".join(content for _, content in chosen)
        if request.size_bytes is not None and request.size_bytes != len(content):
            raise InvalidPart(expected=request.size_bytes, found=len(content))
        checksum = _object_checksum(entry.upload, chosen, content)
        asked = request.checksum
        if asked is not None and checksum is not None and asked.value != checksum.value:
            raise DigestMismatch(
                algorithm=checksum.algorithm, expected=asked.value, found=checksum.value
            )
        joined = b"".join(bytes.fromhex(part.etag) for part, _ in chosen)
        etag = f"{hashlib.md5(joined).hexdigest()}-{len(chosen)}"
        target = PutRequest(
            bucket=request.bucket,
            key=request.key,
            attributes=entry.upload.attributes,
            conditions=request.conditions,
        )
        sizes = [
            PartSize(number + 1, part.size_bytes, part.checksum)
            for number, (part, _) in enumerate(chosen)
        ]
        entry.completed = self._commit(target, content, etag, checksum, sizes)
        return entry.completed

    async def abort_upload(self, bucket: str, key: bytes, upload_id: str) -> None:
        self._uploading(bucket, key, upload_id)
        del self.uploads[upload_id]

    async def list_uploads(self, request: ListRequest) -> UploadPage:
        await self.head_bucket(request.bucket)
        by_key: dict[bytes, list[Upload]] = {}
        for entry in self.uploads.values():
            if entry.bucket == request.bucket and entry.completed is None:
                by_key.setdefault(entry.upload.key, []).append(entry.upload)
        rows: list[Upload] = []
        prefixes: list[bytes] = []
        last: tuple[bytes | None, str | None] = (None, None)
        inside = bool(request.after_id)
        for key, prefix in _fold(sorted(by_key), request, is_resumed_inside=inside):
            if prefix is not None:
                if len(rows) + len(prefixes) == request.limit:
                    return UploadPage(rows, prefixes, *last)
                prefixes.append(prefix)
                last = (prefix, None)
                continue
            for upload in sorted(by_key[key], key=lambda found: found.upload_id):
                if key == request.after and upload.upload_id <= request.after_id:
                    continue
                if len(rows) + len(prefixes) == request.limit:
                    return UploadPage(rows, prefixes, *last)
                rows.append(upload)
                last = (key, upload.upload_id)
        return UploadPage(rows, prefixes, None, None)

    async def list_parts(
        self, bucket: str, key: bytes, upload_id: str, *, after: int, limit: int
    ) -> PartPage:
        entry = self._uploading(bucket, key, upload_id)
        numbers = sorted(number for number in entry.parts if number > after)
        parts = [entry.parts[number][0] for number in numbers[:limit]]
        more = parts[-1].number if parts and len(numbers) > limit else None
        return PartPage(entry.upload, parts, more)

    # ── inside ─────────────────────────────────────────────────────────────────────────────────

    def _unique(self) -> str:
        self._sequence += 1
        return f"{self._sequence:032x}"

    def _version_id(self, mode: Versioning) -> str:
        return self._unique() if mode is Versioning.ENABLED else NULL

    def _check_write(self, bucket: str, key: bytes, conditions: Conditions) -> None:
        found = self.versions[bucket].get(key)
        current = found[0].version if found and not found[0].version.is_delete_marker else None
        if current is not None and {"*", current.etag} & set(conditions.if_none_match or ()):
            raise PreconditionFailed(condition="If-None-Match")
        if conditions.if_match is not None:
            if current is None:
                raise ObjectNotFound(key=key)
            if "*" not in conditions.if_match and current.etag not in conditions.if_match:
                raise PreconditionFailed(condition="If-Match")

    def _commit(
        self,
        request: PutRequest,
        content: bytes,
        etag: str,
        checksum: Checksum | None,
        parts: list[PartSize] | None = None,
    ) -> ObjectVersion:
        self._check_write(request.bucket, request.key, request.conditions)
        version = ObjectVersion(
            key=request.key,
            version_id=self._version_id(self.buckets[request.bucket].versioning),
            is_delete_marker=False,
            is_latest=True,
            modified_ns=self.clock.time_ns(),
            size_bytes=len(content),
            etag=etag,
            checksum=checksum,
            attributes=request.attributes,
            parts_count=len(parts or ()),
        )
        self._insert(request.bucket, _Stored(version, content, parts or []))
        return version

    def _insert(self, bucket: str, stored: _Stored) -> None:
        kept = [
            older
            for older in self.versions[bucket].get(stored.version.key, [])
            if stored.version.version_id != NULL or older.version.version_id != NULL
        ]
        for older in kept:
            older.version = msgspec.structs.replace(older.version, is_latest=False)
        self.versions[bucket][stored.version.key] = [stored, *kept]

    def _find(self, bucket: str, key: bytes, version_id: str | None) -> _Stored:
        if bucket not in self.buckets:
            raise BucketNotFound(bucket=bucket)
        found = self.versions[bucket].get(key, [])
        if version_id is None:
            if not found:
                raise ObjectNotFound(key=key)
            if found[0].version.is_delete_marker:
                raise ObjectNotFound(key=key, delete_marker=found[0].version.version_id)
            return found[0]
        for stored in found:
            if stored.version.version_id == version_id:
                if stored.version.is_delete_marker:
                    raise MethodNotAllowed(
                        version_id=version_id, modified_ns=stored.version.modified_ns
                    )
                return stored
        raise VersionNotFound(key=key, version_id=version_id)

    def _delete_version(
        self, bucket: str, key: bytes, version_id: str, conditions: Conditions
    ) -> DeleteResult:
        found = self.versions[bucket].get(key, [])
        gone = [stored for stored in found if stored.version.version_id == version_id]
        if gone and {"*", gone[0].version.etag} & set(conditions.if_none_match or ()):
            raise PreconditionFailed(condition="If-None-Match")
        if conditions.if_match is not None:
            if not gone:
                raise ObjectNotFound(key=key)
            if "*" not in conditions.if_match and gone[0].version.etag not in conditions.if_match:
                raise PreconditionFailed(condition="If-Match")
        rest = [stored for stored in found if stored.version.version_id != version_id]
        if rest:
            rest[0].version = msgspec.structs.replace(rest[0].version, is_latest=True)
            self.versions[bucket][key] = rest
        else:
            self.versions[bucket].pop(key, None)
        is_marker = bool(gone) and gone[0].version.is_delete_marker
        return DeleteResult(version_id=version_id, is_delete_marker=is_marker)

    def _source(self, source: CopySource) -> _Stored:
        stored = self._find(source.bucket, source.key, source.version_id)
        try:
            check_read(stored.version, source.conditions)
        except NotModified as exc:
            raise PreconditionFailed(condition="x-amz-copy-source-If-None-Match") from exc
        return stored

    def _uploading(self, bucket: str, key: bytes, upload_id: str) -> _Uploading:
        if bucket not in self.buckets:
            raise BucketNotFound(bucket=bucket)
        entry = self.uploads.get(upload_id)
        if entry is None or entry.completed or entry.bucket != bucket or entry.upload.key != key:
            raise UploadNotFound(upload_id=upload_id)
        return entry

    def _keep_part(
        self,
        bucket: str,
        key: bytes,
        upload_id: str,
        number: int,
        content: bytes,
        checksum: Checksum | None,
    ) -> Part:
        entry = self._uploading(bucket, key, upload_id)
        if checksum is None and entry.upload.checksum_algorithm:
            algorithm = entry.upload.checksum_algorithm
            checksum = Checksum(algorithm, digest(algorithm, content))
        part = Part(
            number=number,
            size_bytes=len(content),
            etag=hashlib.md5(content).hexdigest(),
            modified_ns=self.clock.time_ns(),
            checksum=checksum,
        )
        entry.parts[number] = (part, content)
        return part

    def _choose_parts(
        self, entry: _Uploading, request: CompleteRequest
    ) -> list[tuple[Part, bytes]]:
        chosen: list[tuple[Part, bytes]] = []
        for named in request.parts:
            if chosen and named.number <= chosen[-1][0].number:
                raise InvalidPartOrder(number=named.number)
            found = entry.parts.get(named.number)
            if found is None or found[0].etag != named.etag:
                raise InvalidPart(number=named.number)
            own = found[0].checksum
            for algorithm, value in named.checksums.items():
                if own is not None and own.algorithm == algorithm and own.value != value:
                    raise InvalidPart(number=named.number)
            chosen.append(found)
        if not chosen:
            raise InvalidPart(number=0)
        for part, _ in chosen[:-1]:
            if part.size_bytes < self.part_bytes_min:
                raise TooSmall(number=part.number)
        return chosen


def check_read(version: ObjectVersion, conditions: Conditions) -> None:
    """Apply the conditions of a read, in the order of RFC 9110 section 13.2.2."""
    seconds = version.modified_ns // NS_PER_S
    names = {"*", version.etag}
    since_ns, until_ns = conditions.if_modified_since_ns, conditions.if_unmodified_since_ns
    if conditions.if_match is not None:
        if not names & set(conditions.if_match):
            raise PreconditionFailed(condition="If-Match")
    elif until_ns is not None and seconds > until_ns // NS_PER_S:
        raise PreconditionFailed(condition="If-Unmodified-Since")
    if conditions.if_none_match is not None:
        is_same = bool(names & set(conditions.if_none_match))
    else:
        is_same = since_ns is not None and seconds <= since_ns // NS_PER_S
    if is_same:
        raise NotModified(
            etag=version.etag,
            modified_ns=version.modified_ns,
            version_id=version.version_id,
            headers=version.attributes.headers,
        )


def cut(content: bytes, spec: RangeSpec) -> bytes:
    """Return the bytes of a range."""
    if spec.suffix is not None:
        return content[-spec.suffix :] if spec.suffix else b""
    first = spec.first or 0
    last = len(content) - 1 if spec.last is None else spec.last
    if first >= len(content):
        raise InvalidRange(size_bytes=len(content))
    return content[first : last + 1]


async def _read_body(body: Body) -> tuple[bytes, Checksum | None]:
    """Return the content and the checksum to keep, after comparing every promise."""
    content = body.whole
    if content is None:
        content = b"".join([bytes(chunk) async for chunk in body])
    if body.size_bytes is not None and body.size_bytes != len(content):
        raise IncompleteBody(expected=body.size_bytes, found=len(content))
    promised = body.promised()
    if promised.md5 is not None and promised.md5 != hashlib.md5(content).digest():
        raise DigestMismatch(
            algorithm="MD5", expected=base64.b64encode(promised.md5).decode(), found="other"
        )
    kept: Checksum | None = None
    for algorithm in body.algorithms:
        kept = Checksum(algorithm, digest(algorithm, content))
    for algorithm, value in promised.checksums.items():
        kept = Checksum(algorithm, digest(algorithm, content))
        if kept.value != value:
            raise DigestMismatch(algorithm=algorithm, expected=value, found=kept.value)
    return content, kept


def _object_checksum(
    upload: Upload, chosen: list[tuple[Part, bytes]], content: bytes
) -> Checksum | None:
    algorithm = upload.checksum_algorithm
    if not algorithm:
        return None
    if not upload.checksum_composite:
        return Checksum(algorithm, digest(algorithm, content))
    joined = b"".join(part.checksum.value for part, _ in chosen if part.checksum)
    return Checksum(algorithm, digest(algorithm, joined), composite=True)


def _fold(
    names: Any, request: ListRequest, *, is_resumed_inside: bool = False
) -> Iterator[tuple[bytes, bytes | None]]:
    """Yield (key, None) or (key, common prefix) behind `after`, each common prefix once."""
    prefix, delimiter, after = request.prefix, request.delimiter, request.after
    after_id = request.after_id
    shown: bytes | None = None
    for key in names:
        if not key.startswith(prefix):
            continue
        if after and key <= after and not (is_resumed_inside and key == after and after_id):
            continue
        cut_at = key.find(delimiter, len(prefix)) if delimiter else -1
        if cut_at < 0:
            yield key, None
            continue
        common = key[: cut_at + len(delimiter)]
        if common not in (shown, after):
            shown = common
            yield key, common


def _behind(rows: list[_Stored], request: ListRequest, key: bytes) -> list[ObjectVersion]:
    """Return the versions of a key that follow the marker."""
    versions = [stored.version for stored in rows]
    if key != request.after or not request.after_id:
        return versions
    ids = [version.version_id for version in versions]
    return versions[ids.index(request.after_id) + 1 :] if request.after_id in ids else []


__all__ = ["Attributes", "MemoryObjectStore", "TickingClock", "check_read", "cut", "digest"]
