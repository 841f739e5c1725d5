"""Delete: remove a version, or put a delete marker on top. Also replaces the tags of a version.

Owns      what a delete means under each versioning setting.
Invariant a delete without version id never removes a version other than the null version, whatever
          setting the caller believes in; where others exist it leaves a marker.
Source    AWS "Deleting object versions from a versioning-enabled bucket", "… suspended bucket".
"""

from __future__ import annotations

from collections.abc import Mapping

from atoll.base.clock import Clock, Entropy
from atoll.base.errors import MethodNotAllowed, ObjectNotFound, VersionNotFound
from atoll.base.names import BucketName, ObjectKey, VersionId
from atoll.core.formats.object_record import NULL_VERSION, VersionRecord
from atoll.objects.conditions import check_write
from atoll.objects.foundation import Foundation
from atoll.objects.keys import object_cell
from atoll.objects.records import load_version, make_version_id
from atoll.objects.values import (
    Bucket,
    Conditions,
    DeleteResult,
    ObjectVersion,
    Versioning,
)
from atoll.objects.versions.chain import Chain, Entry
from atoll.objects.versions.commit import Edit


class _Removal:
    """The edit that removes one version."""

    def __init__(self, version_id: VersionId, conditions: Conditions) -> None:
        self._version_id = version_id
        self._conditions = conditions
        self.result = DeleteResult(version_id=version_id, is_delete_marker=False)

    def __call__(self, chain: Chain) -> None:
        found = chain.find(self._version_id)
        live = found is not None and not found.record.is_delete_marker
        check_write(self._conditions, found.record.etag if found and live else None)
        if found is not None:
            chain.remove(self._version_id)
        self.result = DeleteResult(
            version_id=self._version_id,
            is_delete_marker=found is not None and found.record.is_delete_marker,
        )


class _Marking:
    """The edit of a delete without version id: remove the only version, or leave a marker."""

    def __init__(self, bucket: Bucket, conditions: Conditions, marker: VersionRecord) -> None:
        self._bucket = bucket
        self._conditions = conditions
        self._marker = marker
        self.result = DeleteResult(version_id=None, is_delete_marker=False)

    def __call__(self, chain: Chain) -> None:
        check_write(self._conditions, chain.current_etag())
        if self._bucket.versioning is Versioning.UNSET and chain.has_only_null():
            chain.remove(NULL_VERSION)
            self.result = DeleteResult(version_id=None, is_delete_marker=False)
            return
        chain.insert(Entry(self._marker))
        self.result = DeleteResult(
            version_id=VersionId(self._marker.version_id), is_delete_marker=True
        )


class _Retagging:
    """The edit that replaces the tags of a version."""

    def __init__(self, key: ObjectKey, version_id: VersionId | None, tags: dict[str, str]) -> None:
        self._key = key
        self._version_id = version_id
        self._tags = tags
        self.result: ObjectVersion | None = None

    def __call__(self, chain: Chain) -> None:
        current = chain.current()
        found = current if self._version_id is None else chain.find(self._version_id)
        if found is None:
            missing = ObjectNotFound if self._version_id is None else VersionNotFound
            raise missing(key=self._key, version_id=self._version_id)
        record = found.record
        if record.is_delete_marker:
            raise marker_error(record, is_current=self._version_id is None)
        record = retag(record, self._tags)
        chain.replace(record)
        self.result = load_version(self._key, record, is_latest=found is current)


def marker_error(marker: VersionRecord, *, is_current: bool) -> ObjectNotFound | MethodNotAllowed:
    """Return what a request gets that met a delete marker, as the current version or by its id."""
    if is_current:
        return ObjectNotFound(delete_marker=VersionId(marker.version_id))
    return MethodNotAllowed(version_id=marker.version_id, modified_ns=marker.modified_ns)


def retag(record: VersionRecord, tags: dict[str, str]) -> VersionRecord:
    """Return a version with other tags."""
    return VersionRecord(
        record.version_id,
        record.is_delete_marker,
        record.modified_ns,
        record.size_bytes,
        record.etag,
        record.inline_bytes,
        record.data,
        record.checksum,
        record.headers,
        record.metadata,
        tags,
        record.parts_count,
        record.part_algorithm,
        record.parts,
        record.manifest,
    )


class ObjectDeleter:
    """Removes, marks and retags versions."""

    def __init__(self, foundation: Foundation) -> None:
        self._clock: Clock = foundation.clock
        self._entropy: Entropy = foundation.entropy
        self._buckets = foundation.buckets
        self._editor = foundation.editor

    async def delete(
        self,
        bucket: BucketName,
        key: ObjectKey,
        version_id: VersionId | None = None,
        conditions: Conditions = Conditions(),  # noqa: B008 (frozen value)
    ) -> DeleteResult:
        """Remove a version, or make a delete marker."""
        home = await self._buckets.get(bucket)
        if version_id is not None:
            removal = _Removal(version_id, conditions)
            await self._apply(home, key, removal)
            return removal.result
        marking = _Marking(home, conditions, self._make_marker(home))
        await self._apply(home, key, marking)
        return marking.result

    async def put_tags(
        self,
        bucket: BucketName,
        key: ObjectKey,
        version_id: VersionId | None,
        tags: Mapping[str, str],
    ) -> ObjectVersion:
        """Replace the tags of a version."""
        home = await self._buckets.get(bucket)
        retagging = _Retagging(key, version_id, dict(tags))
        await self._apply(home, key, retagging)
        if retagging.result is None:
            raise AssertionError("an edit returned without a result")
        return retagging.result

    def _make_marker(self, bucket: Bucket) -> VersionRecord:
        now_ns = self._clock.time_ns()
        version_id = NULL_VERSION
        if bucket.versioning is Versioning.ENABLED:
            version_id = make_version_id(now_ns, self._entropy.random_bytes(8))
        return VersionRecord(version_id, True, now_ns)

    async def _apply(self, bucket: Bucket, key: ObjectKey, edit: Edit) -> None:
        await self._editor.change(bucket, object_cell(bucket.incarnation, key), edit)
