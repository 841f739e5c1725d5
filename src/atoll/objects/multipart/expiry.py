"""End uploads that nobody will: the abandoned, the completed and kept, the orphaned parts.

Owns      `abort` of one upload, and the walk over all uploads that a job makes step by step.
Budget    one step looks at a bounded number of registers and returns where to go on.
Source    docs/design/multipart.md
"""

from __future__ import annotations

from typing import Final

import msgspec

from atoll.base.errors import StoreError, UploadNotFound
from atoll.base.names import BucketName, ObjectKey, UploadId
from atoll.core.formats.upload_record import UploadRecord, UploadState, decode_upload
from atoll.core.quorum.messages import Detail, Row
from atoll.objects.foundation import Foundation
from atoll.objects.keys import (
    INCARNATION_BYTES,
    object_cell,
    prefix_end,
    split_part_key,
    split_upload_key,
)
from atoll.objects.multipart.completion import UploadCompleter
from atoll.objects.multipart.endings import UploadEnder
from atoll.objects.multipart.uploads import UploadName, UploadRegisters, name_upload
from atoll.registers.contract import ScanRange

PARTS_START: Final = b"p/"
UPLOADS_START: Final = b"u/"
_ATTEMPTS_MAX: Final = 8


class ExpiryStep(msgspec.Struct, frozen=True):
    """What one step did: uploads and orphaned parts ended, and where to go on (None: done).

    `failed` counts those that could not be ended now; `reason` says why, of the last one.
    """

    ended: int
    next_start: bytes | None
    failed: int = 0
    reason: str = ""


class UploadExpirer:
    """Aborts and expires uploads."""

    def __init__(
        self,
        foundation: Foundation,
        uploads: UploadRegisters,
        ender: UploadEnder,
        completer: UploadCompleter,
    ) -> None:
        self._registers = foundation.registers
        self._buckets = foundation.buckets
        self._uploads = uploads
        self._ender = ender
        self._completer = completer

    async def abort_upload(self, bucket: BucketName, key: ObjectKey, upload_id: UploadId) -> None:
        """Drop an upload and its parts. Raises UploadNotFound once it is completed or gone."""
        name = name_upload(await self._buckets.get(bucket), key, upload_id)
        for _ in range(_ATTEMPTS_MAX):
            record = await self._uploads.read(name)
            if record is not None and record.state is UploadState.OPEN:
                record = await self._ender.abort_open(name)
            if record is None or record.state is UploadState.COMPLETED:
                break
            if record.state is UploadState.ABORTED:
                await self._ender.clear(name, record)
                return
            # A completion came first: it wins unless its conditions refuse it.
            await self._completer.finish(name, record)
        raise UploadNotFound(upload_id=name.upload_id)

    async def end(self, name: UploadName) -> None:
        """End an upload in whatever state it is, and forget it; a completion is not made now."""
        for _ in range(_ATTEMPTS_MAX):
            record = await self._uploads.read(name)
            if record is not None and record.state is UploadState.OPEN:
                record = await self._ender.abort_open(name)
            if record is None:
                return
            if record.state in (UploadState.ABORTED, UploadState.COMPLETED):
                await self._ender.clear(name, record)
                return
            await self._completer.take_back(name, record)

    async def end_incarnation(self, incarnation: bytes) -> None:
        """End all uploads of a bucket that is being deleted, and parts left without one."""
        for letter in (UPLOADS_START, PARTS_START):
            start: bytes | None = letter + incarnation
            end = prefix_end(letter + incarnation)
            while start is not None and start < end:
                page = await self._registers.scan(
                    ScanRange(start=start, end=end, limit=100, detail=Detail.HEAD)
                )
                for row in page.rows:
                    if letter == UPLOADS_START:
                        await self.end(_upload_of(row.key))
                    else:
                        await self._end_orphan(row.key)
                start = page.next_start

    async def drop_stale_tokens(self, register_key: bytes, upload_id: str) -> None:
        """Remove an upload's tokens from a head, if the upload has come to its end."""
        cut = 2 + INCARNATION_BYTES
        name = UploadName(register_key[2:cut], ObjectKey(register_key[cut:]), UploadId(upload_id))
        record = await self._uploads.read(name)
        if record is None or record.state in (UploadState.ABORTED, UploadState.COMPLETED):
            await self._ender.drop_tokens(name)

    async def step(self, *, older_than_ns: int, budget: int, start: bytes = b"") -> ExpiryStep:
        """Look at up to `budget` registers from `start` on (empty: the beginning).

        Uploads begun and uploads completed before `older_than_ns` are ended. One that cannot be
        ended now is counted and passed over; it holds up no other.
        """
        position = max(start, PARTS_START)
        end = prefix_end(UPLOADS_START)
        if position < UPLOADS_START:
            end = prefix_end(PARTS_START)
        page = await self._registers.scan(
            ScanRange(start=position, end=end, limit=budget, detail=Detail.HEAD)
        )
        ended = failed = 0
        reason = ""
        for row in page.rows:
            try:
                ended += await self._end_row(row, older_than_ns)
            except StoreError as exc:
                failed += 1
                reason = str(exc)
        next_start = page.next_start
        if next_start is None and end < UPLOADS_START:
            next_start = UPLOADS_START
        return ExpiryStep(ended, next_start, failed, reason)

    async def _end_row(self, row: Row, older_than_ns: int) -> bool:
        """End what a row names if it is due; return whether it was."""
        if row.key.startswith(PARTS_START):
            return await self._end_orphan(row.key)
        is_due = _is_due(decode_upload(row.body), older_than_ns)
        if is_due:
            await self.end(_upload_of(row.key))
        return is_due

    async def _end_orphan(self, register_key: bytes) -> bool:
        """Remove a part whose upload is no more; return whether it was one."""
        key, upload_id, _ = split_part_key(register_key)
        incarnation = register_key[2 : 2 + INCARNATION_BYTES]
        name = UploadName(incarnation, key, upload_id)
        if await self._uploads.read(name) is not None:
            return False
        ids = await self._ender.remove_part(name, register_key)
        cell = object_cell(incarnation, key)
        # Its upload is forgotten: a completion took the part over before that, or never will.
        await self._registers.release(cell, ids)
        return True


def _upload_of(register_key: bytes) -> UploadName:
    key, upload_id = split_upload_key(register_key)
    return UploadName(register_key[2 : 2 + INCARNATION_BYTES], key, upload_id)


def _is_due(record: UploadRecord, older_than_ns: int) -> bool:
    match record.state:
        case UploadState.OPEN | UploadState.COMPLETING:
            return record.initiated_ns < older_than_ns
        case UploadState.COMPLETED:
            return record.ended_ns < older_than_ns
        case UploadState.ABORTED:
            return True
