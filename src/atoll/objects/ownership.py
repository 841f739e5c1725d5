"""Say which data ids of an owner key are named, for the scan that removes orphans.

Owns      the knowledge of all places that name data: heads, pages, manifests, uploads, parts.
Invariant an id that was named before the call began and is named when it ends is found: ids move
          from parts and uploads to the object, and are looked for in that order.
Limits    an id on its way to its first name is not found; the caller's age limit protects it.
Source    docs/design/objects.md
"""

from __future__ import annotations

from collections.abc import Sequence

from atoll.base.ids import DataId
from atoll.core.formats.object_record import PageRef, VersionRecord, decode_head
from atoll.core.formats.part_record import decode_part
from atoll.core.formats.upload_record import UploadState, decode_upload
from atoll.core.formats.version_page import IndexPage
from atoll.core.quorum.messages import Detail, Row
from atoll.objects.foundation import Foundation
from atoll.objects.keys import split_part_key
from atoll.objects.multipart.endings import part_ids
from atoll.objects.versions.chain import named_ids
from atoll.registers.contract import Cell, ScanRange

_ROWS = 1000


class Ownership:
    """Finds the data ids that an object's key, its uploads and their parts name."""

    def __init__(self, foundation: Foundation) -> None:
        self._registers = foundation.registers
        self._pages = foundation.pages

    async def named_by(self, owner_key: bytes) -> frozenset[DataId]:
        """Return every data id named for the object register `owner_key`.

        Raises Damaged when a page or manifest cannot be read: then nothing may be removed.
        """
        ids: set[DataId] = set()
        parts = [
            (split_part_key(row.key)[1], decode_part(row.body))
            for row in await self._rows(b"p/" + owner_key[2:])
        ]
        cell = Cell(owner_key, owner_key)
        in_progress: set[str] = set()
        for row in await self._rows(b"u/" + owner_key[2:]):
            upload = decode_upload(row.body)
            # Of an ended upload the object names the bytes, or whoever ended it frees them.
            if upload.state in (UploadState.OPEN, UploadState.COMPLETING):
                in_progress.add(upload.upload_id)
                if upload.completion is not None:
                    ids.update(named_ids(upload.completion.version))
        for upload_id, part in parts:
            if upload_id in in_progress:
                ids.update(part_ids(part))
        found = await self._registers.read(cell, detail=Detail.HEAD)
        if found is not None:
            head = decode_head(found.value.head)
            await self._add_versions(cell, head.versions, ids)
            await self._add_pages(cell, head.pages, ids)
        return frozenset(ids)

    async def _rows(self, prefix: bytes) -> list[Row]:
        rows: list[Row] = []
        start: bytes | None = prefix + b"\0"
        while start is not None:
            page = await self._registers.scan(
                ScanRange(start=start, end=prefix + b"\1", limit=_ROWS, detail=Detail.HEAD)
            )
            rows.extend(page.rows)
            start = page.next_start
        return rows

    async def _add_versions(
        self, cell: Cell, versions: Sequence[VersionRecord], ids: set[DataId]
    ) -> None:
        for version in versions:
            ids.update(named_ids(version))
            if version.manifest is not None:
                parts = await self._pages.manifest(cell, version.manifest)
                ids.update(part.ref.data_id for part in parts if part.ref is not None)

    async def _add_pages(self, cell: Cell, refs: Sequence[PageRef], ids: set[DataId]) -> None:
        for ref in refs:
            ids.add(ref.ref.data_id)
            page = await self._pages.load(cell, ref)
            if isinstance(page, IndexPage):
                await self._add_pages(cell, page.pages, ids)
            else:
                await self._add_versions(cell, page.versions, ids)
