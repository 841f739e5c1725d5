"""Parts of uploads: store, copy, list.

Owns      part registers `p/…` while their upload is in progress.
Invariant the bytes of a part belong to the object's register key from the first moment, so a
          completed object takes them over by naming them.
Invariant bytes that a newer part of the same number superseded stay named until the upload's
          generation was raised behind them: no completion that saw them can win any more.
Crash     between the part's register and the look at the upload behind it: a part of an ended
          upload, removed by `expire_uploads`.
Source    docs/design/multipart.md
"""

from __future__ import annotations

from typing import Final

from atoll.base.errors import (
    ChecksumAlgorithmMismatch,
    Contended,
    InvalidArgument,
    UploadNotFound,
)
from atoll.base.ids import DataId
from atoll.base.limits import PART_BYTES_MAX, PART_NUMBER_MAX
from atoll.base.names import BucketName, ObjectKey, UploadId
from atoll.base.streams import Body
from atoll.core.formats.data_ref import strip_owner
from atoll.core.formats.part_record import PartRecord, decode_part, encode_part
from atoll.core.formats.upload_record import UploadRecord, UploadState
from atoll.core.quorum.messages import Detail, Value
from atoll.objects.content import Content, Limits, receive
from atoll.objects.foundation import Foundation
from atoll.objects.keys import object_cell, part_cell, part_range
from atoll.objects.multipart.endings import SCAN_ROWS, UploadEnder
from atoll.objects.multipart.uploads import UploadName, UploadRegisters, name_upload
from atoll.objects.records import load_part, load_upload, store_checksum
from atoll.objects.values import Bucket, Part, PartPage
from atoll.registers.contract import Change, ScanRange

_LIMITS: Final = Limits(inline_bytes_max=0, size_bytes_max=PART_BYTES_MAX)
#: Superseded bytes a part may drag along before the upload's generation is raised to free them.
SUPERSEDED_MAX: Final = 8
_ATTEMPTS_MAX: Final = 8


def store_part(record: PartRecord) -> Change:
    """Return the write that makes a record the value of its register."""
    # The part names its present bytes for the drives' check of age; it owns none.
    data_ids = () if record.ref is None else (record.ref.data_id,)
    return Change(True, b"", encode_part(record), b"", data_ids, released=())


class _Replacing:
    """The decision that puts a part in the place of the one of its number."""

    def __init__(self, record: PartRecord) -> None:
        self._record = record
        #: Superseded bytes that no completion can take any more; the record drops them.
        self.unreachable: frozenset[DataId] = frozenset()
        self.is_full = False
        #: Whether a drive may have been sent a value that names the record's bytes.
        self.is_offered = False
        self.superseded: tuple[DataId, ...] = ()

    def __call__(self, value: Value | None) -> Change | None:
        self.is_full = False
        ids: list[DataId] = []
        if value is not None:
            old = decode_part(value.head)
            self.superseded = old.superseded
            ids = [data_id for data_id in old.superseded if data_id not in self.unreachable]
            if old.ref is not None:
                ids.append(old.ref.data_id)
        if len(ids) > SUPERSEDED_MAX:
            self.is_full = True
            return None
        self.is_offered = True
        record = self._record
        return store_part(
            PartRecord(
                record.number,
                record.size_bytes,
                record.etag,
                record.modified_ns,
                record.ref,
                record.checksum,
                tuple(ids),
            )
        )


class PartStore:
    """Stores and lists parts."""

    def __init__(
        self, foundation: Foundation, uploads: UploadRegisters, ender: UploadEnder
    ) -> None:
        self._registers = foundation.registers
        self._store = foundation.store
        self._buckets = foundation.buckets
        self._clock = foundation.clock
        self._uploads = uploads
        self._ender = ender

    async def put_part(
        self,
        bucket: BucketName,
        key: ObjectKey,
        upload_id: UploadId,
        number: int,
        body: Body,
    ) -> Part:
        """Store one part from a body, whose checksum is of the upload's algorithm."""
        home, name, upload = await self._expect(bucket, key, upload_id, number)
        check_algorithm(upload, body.algorithms)
        return await self._take(home, name, upload, number, body)

    async def copy_part(
        self,
        bucket: BucketName,
        key: ObjectKey,
        upload_id: UploadId,
        number: int,
        body: Body,
    ) -> Part:
        """Store one part whose bytes are read from here, so that nobody can vouch for them."""
        home, name, upload = await self._expect(bucket, key, upload_id, number)
        return await self._take(home, name, upload, number, body)

    async def _expect(
        self, bucket: BucketName, key: ObjectKey, upload_id: UploadId, number: int
    ) -> tuple[Bucket, UploadName, UploadRecord]:
        if not 1 <= number <= PART_NUMBER_MAX:
            raise InvalidArgument(argument="part number", found=number)
        home = await self._buckets.get(bucket)
        name = name_upload(home, key, upload_id)
        return home, name, await self._uploads.expect(name)

    async def _take(
        self, home: Bucket, name: UploadName, upload: UploadRecord, number: int, body: Body
    ) -> Part:
        cell = object_cell(home.incarnation, name.key)
        chosen = upload.checksum_algorithm
        others = tuple(one for one in body.algorithms if one != chosen)
        algorithms = (chosen, *others) if chosen else others
        content = await receive(self._store, cell, body, algorithms, _LIMITS)
        record = PartRecord(
            number,
            content.size_bytes,
            content.md5.hex(),
            self._clock.time_ns(),
            None if content.ref is None else strip_owner(content.ref),
            store_checksum(content.checksum),
        )
        await self._replace(home, name, record, content)
        await self._check_upload(name)
        return load_part(record)

    async def _replace(
        self, bucket: Bucket, name: UploadName, record: PartRecord, content: Content
    ) -> None:
        cell = part_cell(name.incarnation, name.key, name.upload_id, record.number)
        replacing = _Replacing(record)
        try:
            for _ in range(_ATTEMPTS_MAX):
                await self._buckets.write(bucket, cell, replacing)
                if not replacing.is_full:
                    break
                upload = await self._uploads.raise_generation(name)
                if upload is None or upload.state is not UploadState.OPEN:
                    raise Contended("The upload is being completed.", upload_id=name.upload_id)
                replacing.unreachable |= frozenset(replacing.superseded)
            else:
                raise Contended("The part is being replaced too often.", number=record.number)
        except BaseException:
            if content.ref is not None and not replacing.is_offered:
                await self._store.discard(content.ref)
            raise
        if replacing.unreachable:
            owner = object_cell(name.incarnation, name.key)
            await self._registers.release(owner, sorted(replacing.unreachable))

    async def _check_upload(self, name: UploadName) -> None:
        """Take the part back if its upload ended while it was stored."""
        upload = await self._uploads.read(name)
        if upload is not None and upload.state in (UploadState.OPEN, UploadState.COMPLETING):
            return
        # Its completion may have taken over what the part superseded: only what it did not goes.
        completion = None if upload is None else upload.completion
        version = None if completion is None else completion.version
        await self._ender.end_parts(name, version)
        raise UploadNotFound(upload_id=name.upload_id)

    async def list_parts(
        self,
        bucket: BucketName,
        key: ObjectKey,
        upload_id: UploadId,
        *,
        after: int,
        limit: int,
    ) -> PartPage:
        """List the parts of an upload by number."""
        home = await self._buckets.get(bucket)
        name = name_upload(home, key, upload_id)
        upload = load_upload(key, await self._uploads.expect(name))
        if not limit:
            return PartPage(upload, [], None)
        parts = [load_part(record) for record in await self.read(name, after, limit + 1)]
        if len(parts) <= limit:
            return PartPage(upload, parts, None)
        return PartPage(upload, parts[:limit], parts[limit - 1].number)

    async def read(self, name: UploadName, after: int, limit: int) -> list[PartRecord]:
        """Return up to `limit` parts behind number `after`."""
        start, end = part_range(name.incarnation, name.key, name.upload_id, after)
        position: bytes | None = start
        records: list[PartRecord] = []
        while position is not None and position < end and len(records) < limit:
            rows = min(limit - len(records), SCAN_ROWS)
            page = await self._registers.scan(
                ScanRange(start=position, end=end, limit=rows, detail=Detail.HEAD)
            )
            records.extend(decode_part(row.body) for row in page.rows)
            position = page.next_start
        return records[:limit]


def check_algorithm(upload: UploadRecord, sent: tuple[str, ...]) -> None:
    """Check that a client's part comes with the checksum its upload began with.

    A composite checksum is one of digests that the client vouches for, so each part needs its own;
    an upload that named no algorithm takes any.

    Raises
        ChecksumAlgorithmMismatch: it comes with another, or with none where one is needed.
    """
    expected = upload.checksum_algorithm
    if not expected or expected in sent or (not sent and not upload.checksum_composite):
        return
    found = sent[0].lower() if sent else "null"
    raise ChecksumAlgorithmMismatch(
        f"Checksum Type mismatch occurred, expected checksum Type: {expected.lower()}, actual"
        f" checksum Type: {found}"
    )
