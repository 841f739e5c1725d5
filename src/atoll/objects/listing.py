"""List current versions, all versions, and uploads.

Owns      pages of listings and their continuation.
Invariant every key acknowledged before the call and not deleted since is shown; no key, version or
          common prefix is on two pages of one walk, unless the version a page ended with went in
          between.
Continue  behind the last key or common prefix seen, shown or not: a page may be short, even empty,
          with a continuation.
Source    AWS ListObjectsV2, ListObjectVersions, ListMultipartUploads; docs/design/listing.md
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from atoll.base.errors import Damaged
from atoll.base.names import ObjectKey
from atoll.core.formats.object_record import (
    NULL_VERSION,
    ObjectHead,
    VersionRecord,
    decode_head,
)
from atoll.core.formats.upload_record import UploadState, decode_upload
from atoll.core.quorum.messages import Detail, Row
from atoll.objects.contract import ListRequest
from atoll.objects.foundation import Foundation
from atoll.objects.keys import OWNER_BYTES, split_upload_key
from atoll.objects.records import (
    load_listed,
    load_upload,
    load_version,
    parse_hint,
    version_hint,
)
from atoll.objects.values import (
    ObjectPage,
    ObjectVersion,
    Upload,
    UploadPage,
    VersionPage,
)
from atoll.objects.walk import Shown, Walk, open_window
from atoll.registers.contract import Cell

_IN_PROGRESS = (UploadState.OPEN, UploadState.COMPLETING)


def _has_versions(body: bytes) -> bool:
    return bool(decode_head(body).versions)


def _is_in_progress(body: bytes) -> bool:
    return decode_upload(body).state in _IN_PROGRESS


def _end_of_key(register_key: bytes) -> int:
    return register_key.rindex(b"\0")


class Lister:
    """Makes pages of listings."""

    def __init__(self, foundation: Foundation) -> None:
        self._registers = foundation.registers
        self._buckets = foundation.buckets
        self._pages = foundation.pages

    async def list_objects(self, request: ListRequest) -> ObjectPage:
        """List current versions that are not delete markers."""
        bucket = await self._buckets.get(request.bucket)
        prefixes: list[bytes] = []
        limit = request.limit
        if not limit:
            return ObjectPage([], prefixes, None)
        window = open_window(b"b/" + bucket.incarnation, request, b"\0", b"\0")
        walk = Walk(self._registers, window, Detail.SUMMARY, bool, limit=limit)
        rows: list[Row] = []
        while True:
            rows += walk.take(limit - len(rows) - len(prefixes))
            position = walk.last
            shown = await walk.next()
            if shown is None:
                return ObjectPage(load_listed(rows), prefixes, walk.last if walk.is_cut else None)
            if len(rows) + len(prefixes) == limit:
                return ObjectPage(load_listed(rows), prefixes, position)
            if shown.group:
                prefixes.append(shown.group[OWNER_BYTES:])
            else:
                rows.append(shown.row)

    async def list_versions(self, request: ListRequest) -> VersionPage:
        """List all versions and delete markers."""
        bucket = await self._buckets.get(request.bucket)
        versions: list[ObjectVersion] = []
        prefixes: list[bytes] = []
        limit = request.limit
        if not limit:
            return VersionPage(versions, prefixes, None, None)
        window = open_window(b"b/" + bucket.incarnation, request, b"\0", b"")
        walk = Walk(self._registers, window, Detail.HEAD, _has_versions, limit=min(limit, 255))
        next_key, next_id = b"", ""
        while (shown := await walk.next()) is not None:
            if shown.group:
                if len(versions) + len(prefixes) == limit:
                    return VersionPage(versions, prefixes, next_key, next_id or None)
                prefixes.append(shown.group[OWNER_BYTES:])
                next_key, next_id = prefixes[-1], ""
                continue
            key = ObjectKey(shown.row.key[OWNER_BYTES:])
            after_id = request.after_id if key == request.after else ""
            async with aclosing(self._versions_of(shown, after_id)) as records:
                async for record, is_latest in records:
                    if len(versions) + len(prefixes) == limit:
                        return VersionPage(versions, prefixes, next_key, next_id or None)
                    versions.append(load_version(key, record, is_latest=is_latest))
                    next_key, next_id = key, record.version_id
        if walk.is_cut:
            return VersionPage(versions, prefixes, walk.last, None)
        return VersionPage(versions, prefixes, None, None)

    async def _versions_of(
        self, shown: Shown, after_id: str
    ) -> AsyncGenerator[tuple[VersionRecord, bool], None]:
        cell = Cell(shown.row.key, shown.row.key)
        head = decode_head(shown.row.body)
        ballot = shown.row.ballot
        while True:
            try:
                async with aclosing(self._walk_versions(cell, head, after_id)) as records:
                    async for record in records:
                        after_id = record.version_id
                        yield record, record.version_id == head.versions[0].version_id
                return
            except Damaged:
                # A page may be freed while it is looked for, if a writer replaced it.
                found = await self._registers.read(cell, detail=Detail.HEAD)
                if found is None:
                    return
                if found.ballot == ballot:
                    raise
                ballot, head = found.ballot, decode_head(found.value.head)

    async def _walk_versions(
        self, cell: Cell, head: ObjectHead, after_id: str
    ) -> AsyncGenerator[VersionRecord, None]:
        is_found = False
        async with aclosing(self._behind(cell, head, after_id)) as records:
            async for record in records:
                if is_found or not after_id:
                    yield record
                is_found = is_found or record.version_id == after_id
        if is_found or not after_id:
            return
        # The version that ended the last page is gone: go on behind the time of its making.
        hint = parse_hint(after_id)
        async with aclosing(self._behind(cell, head, "")) as records:
            async for record in records:
                if hint is None:
                    if record.version_id != NULL_VERSION:
                        yield record
                elif version_hint(record.version_id, record.modified_ns) < hint:
                    yield record

    async def _behind(
        self, cell: Cell, head: ObjectHead, version_id: str
    ) -> AsyncGenerator[VersionRecord, None]:
        """Iterate over versions from one on (empty: all), or some before it; none if unknown."""
        in_head = not version_id or any(v.version_id == version_id for v in head.versions)
        if in_head:
            for record in head.versions:
                yield record
        until = "" if in_head else version_id
        async with aclosing(self._pages.walk(cell, head.pages, until)) as leaves:
            async for leaf in leaves:
                for record in leaf.versions:
                    yield record

    async def list_uploads(self, request: ListRequest) -> UploadPage:
        """List uploads in progress."""
        bucket = await self._buckets.get(request.bucket)
        uploads: list[Upload] = []
        prefixes: list[bytes] = []
        limit = request.limit
        if not limit:
            return UploadPage(uploads, prefixes, None, None)
        # Behind an upload id of the key, or behind all uploads of the key.
        behind_id = b"\0" + request.after_id.encode() + b"\0"
        window = open_window(b"u/" + bucket.incarnation, request, b"\1", behind_id)
        walk = Walk(
            self._registers,
            window,
            Detail.HEAD,
            _is_in_progress,
            limit=min(limit, 255),
            key_end_of=_end_of_key,
        )
        next_key, next_id = b"", ""
        while (shown := await walk.next()) is not None:
            if len(uploads) + len(prefixes) == limit:
                return UploadPage(uploads, prefixes, next_key, next_id or None)
            if shown.group:
                prefixes.append(shown.group[OWNER_BYTES:])
                next_key, next_id = prefixes[-1], ""
                continue
            key, upload_id = split_upload_key(shown.row.key)
            uploads.append(load_upload(key, decode_upload(shown.row.body)))
            next_key, next_id = key, upload_id
        if walk.is_cut:
            # Behind hidden uploads: the walk's position is an upload's register key or a prefix.
            key_bytes, _, last_id = walk.last.rpartition(b"\0")
            next_key, next_id = (key_bytes or walk.last), last_id.decode() if key_bytes else ""
            return UploadPage(uploads, prefixes, next_key, next_id or None)
        return UploadPage(uploads, prefixes, None, None)
