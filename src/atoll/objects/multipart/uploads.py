"""Upload registers: begin, read, change state.

Owns      the register `u/…` of an upload and every change of its state.
Does not  touch parts or the object: `parts.py`, `completion.py` and `endings.py` do.
States    core/formats/upload_record.py; docs/design/multipart.md
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from atoll.base.errors import UploadNotFound
from atoll.base.ids import DataId
from atoll.base.names import ObjectKey, UploadId
from atoll.core.formats.upload_record import (
    UploadRecord,
    UploadState,
    decode_upload,
    encode_upload,
)
from atoll.core.quorum.messages import Detail, Value
from atoll.objects.contract import PutRequest
from atoll.objects.foundation import Foundation
from atoll.objects.keys import is_upload_id, make_upload_id, upload_cell
from atoll.objects.put import plain
from atoll.objects.records import load_upload
from atoll.objects.values import Bucket, Upload
from atoll.registers.contract import Cell, Change

_UPLOAD_RANDOM_BYTES = 12


class UploadName(msgspec.Struct, frozen=True, array_like=True):
    """Which upload: incarnation of its bucket, key, id."""

    incarnation: bytes
    key: ObjectKey
    upload_id: UploadId

    @property
    def cell(self) -> Cell:
        """Return the upload's register."""
        return upload_cell(self.incarnation, self.key, self.upload_id)


def name_upload(bucket: Bucket, key: ObjectKey, upload_id: str) -> UploadName:
    """Return the name of an upload. Raises UploadNotFound for text that is no upload id."""
    if not is_upload_id(upload_id):
        raise UploadNotFound(upload_id=upload_id[:80])
    return UploadName(bucket.incarnation, key, UploadId(upload_id))


class UploadRegisters:
    """Reads and changes upload registers."""

    def __init__(self, foundation: Foundation) -> None:
        self._registers = foundation.registers
        self._buckets = foundation.buckets
        self._clock = foundation.clock
        self._entropy = foundation.entropy

    async def create(
        self, request: PutRequest, *, checksum_algorithm: str, composite: bool
    ) -> Upload:
        """Begin an upload."""
        bucket = await self._buckets.get(request.bucket)
        now_ns = self._clock.time_ns()
        random = self._entropy.random_bytes(_UPLOAD_RANDOM_BYTES)
        upload_id = make_upload_id(now_ns, random)
        attributes = request.attributes
        record = UploadRecord(
            upload_id,
            UploadState.OPEN,
            0,
            now_ns,
            plain(attributes.headers),
            plain(attributes.metadata),
            plain(attributes.tags),
            checksum_algorithm,
            composite,
        )
        cell = upload_cell(bucket.incarnation, request.key, upload_id)
        await self._buckets.write(bucket, cell, lambda _: _store(record))
        return load_upload(request.key, record)

    async def read(self, name: UploadName) -> UploadRecord | None:
        """Return an upload as it is now, whatever its state."""
        found = await self._registers.read(name.cell, detail=Detail.HEAD)
        return None if found is None else decode_upload(found.value.head)

    async def expect(self, name: UploadName) -> UploadRecord:
        """Return an upload in progress. Raises UploadNotFound."""
        record = await self.read(name)
        if record is None or record.state in (UploadState.COMPLETED, UploadState.ABORTED):
            raise UploadNotFound(upload_id=name.upload_id)
        return record

    async def change(
        self, name: UploadName, edit: Callable[[UploadRecord], UploadRecord | None]
    ) -> UploadRecord | None:
        """Change an upload and return what it is then; None: there is no such upload.

        `edit` returns None to leave it as it is.
        """
        left: UploadRecord | None = None

        def decide(value: Value | None) -> Change | None:
            nonlocal left
            left = None
            if value is None:
                return None
            left = decode_upload(value.head)
            changed = edit(left)
            if changed is None:
                return None
            left = changed
            return _store(changed)

        await self._registers.write(name.cell, decide)
        return left

    async def raise_generation(self, name: UploadName) -> UploadRecord | None:
        """Make every completion that has not yet frozen its parts start again."""

        def edit(record: UploadRecord) -> UploadRecord | None:
            if record.state is not UploadState.OPEN:
                return None
            return msgspec.structs.replace(record, generation=record.generation + 1)

        return await self.change(name, edit)

    async def remove(self, name: UploadName) -> None:
        """Forget an upload that came to its end."""

        def decide(value: Value | None) -> Change | None:
            if value is None:
                return None
            state = decode_upload(value.head).state
            if state not in (UploadState.COMPLETED, UploadState.ABORTED):
                return None
            return Change(False, released=())

        await self._registers.write(name.cell, decide)


def _store(record: UploadRecord) -> Change:
    data_ids: tuple[DataId, ...] = ()
    completion = record.completion
    if record.state is UploadState.COMPLETING and completion is not None:
        manifest = completion.version.manifest
        data_ids = () if manifest is None else (manifest.data_id,)
    # The bytes belong to the object's key: nothing of an upload is freed by its register.
    return Change(True, b"", encode_upload(record), b"", data_ids, released=())
