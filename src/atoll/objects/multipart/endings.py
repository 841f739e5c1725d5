"""End uploads: abort, reopen after a refused completion, and clear away what an end leaves.

Owns      removal of part registers and the release of part bytes that no object took over.
Invariant bytes are released only once the upload is ABORTED or COMPLETED: from then on no
          completion can name them. What a completed object names is never released here.
Crash     at any point: `abort`, `expire` or the deletion of the bucket clears the rest. Everything
          here may run twice.
Source    docs/design/multipart.md
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from atoll.base.clock import Clock
from atoll.base.errors import Damaged
from atoll.base.ids import DataId
from atoll.core.formats.object_record import VersionRecord
from atoll.core.formats.part_record import PartRecord, decode_part
from atoll.core.formats.upload_record import Completion, UploadRecord, UploadState
from atoll.core.quorum.messages import Detail, Row, Value
from atoll.objects.foundation import Foundation
from atoll.objects.keys import object_cell, part_range
from atoll.objects.multipart.uploads import UploadName, UploadRegisters
from atoll.objects.versions.chain import Chain
from atoll.registers.contract import Cell, Change, ScanRange

#: Part registers looked at by one scan.
SCAN_ROWS: Final = 1000
#: Part registers removed at a time.
_REMOVALS_AT_ONCE: Final = 32


def part_ids(record: PartRecord) -> list[DataId]:
    """Return the data ids a part keeps alive."""
    ids = list(record.superseded)
    if record.ref is not None:
        ids.append(record.ref.data_id)
    return ids


class UploadEnder:
    """Ends uploads."""

    def __init__(self, foundation: Foundation, uploads: UploadRegisters) -> None:
        self._registers = foundation.registers
        self._editor = foundation.editor
        self._pages = foundation.pages
        self._clock: Clock = foundation.clock
        self._uploads = uploads

    async def abort_open(self, name: UploadName) -> UploadRecord | None:
        """Turn an open upload to aborted; return what it is then."""
        now_ns = self._clock.time_ns()

        def edit(present: UploadRecord) -> UploadRecord | None:
            if present.state is not UploadState.OPEN:
                return None
            return msgspec.structs.replace(present, state=UploadState.ABORTED, ended_ns=now_ns)

        return await self._uploads.change(name, edit)

    async def clear(self, name: UploadName, record: UploadRecord) -> None:
        """Clear away an upload that was aborted or completed, and forget it."""
        version = None if record.completion is None else record.completion.version
        await self.end_parts(name, version)
        await self.drop_tokens(name)
        await self._uploads.remove(name)

    async def reopen(self, name: UploadName, completion: Completion) -> None:
        """Take back a completion whose conditions did not hold when its token was consumed."""

        def edit(present: UploadRecord) -> UploadRecord | None:
            is_ours = present.completion is not None and (
                present.completion.token == completion.token
            )
            if present.state is not UploadState.COMPLETING or not is_ours:
                return None
            return msgspec.structs.replace(
                present,
                state=UploadState.OPEN,
                generation=present.generation + 1,
                completion=None,
            )

        await self._uploads.change(name, edit)
        # The refused mark goes last: while the upload names the token, a missing one means applied.
        await self.drop_token(name, completion.token)
        if completion.version.manifest is not None:
            cell = object_cell(name.incarnation, name.key)
            await self._registers.release(cell, [completion.version.manifest.data_id])

    async def drop_token(self, name: UploadName, token: bytes) -> None:
        """Remove a token from the object's head."""

        def edit(chain: Chain) -> None:
            kept = [one for one in chain.pending if one.token != token]
            chain.touched = len(kept) != len(chain.pending)
            chain.pending = kept

        await self._editor.change(None, object_cell(name.incarnation, name.key), edit)

    async def drop_tokens(self, name: UploadName) -> None:
        """Remove every token of an ended upload from the object's head."""

        def edit(chain: Chain) -> None:
            kept = [one for one in chain.pending if one.upload_id != name.upload_id]
            chain.touched = len(kept) != len(chain.pending)
            chain.pending = kept

        await self._editor.change(None, object_cell(name.incarnation, name.key), edit)

    async def end_parts(self, name: UploadName, version: VersionRecord | None) -> None:
        """Remove an ended upload's part registers; release the bytes `version` does not name."""
        taken = await self._taken_ids(name, version)
        start, end = part_range(name.incarnation, name.key, name.upload_id)
        position: bytes | None = start
        while position is not None and position < end:
            page = await self._registers.scan(
                ScanRange(start=position, end=end, limit=SCAN_ROWS, detail=Detail.HEAD)
            )
            await self._end_rows(name, page.rows, taken)
            position = page.next_start

    async def _taken_ids(
        self, name: UploadName, version: VersionRecord | None
    ) -> frozenset[DataId] | None:
        """Return the ids a completed version took over; None: they cannot be known any more."""
        if version is None:
            return frozenset()
        parts = version.parts
        if version.manifest is not None:
            cell = object_cell(name.incarnation, name.key)
            try:
                parts = await self._pages.manifest(cell, version.manifest)
            except Damaged:
                # The version was removed meanwhile, and its manifest with it. Bytes it did not
                # take over are left to the orphan scan.
                return None
        return frozenset(part.ref.data_id for part in parts if part.ref is not None)

    async def _end_rows(
        self, name: UploadName, rows: Sequence[Row], taken: frozenset[DataId] | None
    ) -> None:
        released: list[DataId] = []
        for start in range(0, len(rows), _REMOVALS_AT_ONCE):
            keys = [row.key for row in rows[start : start + _REMOVALS_AT_ONCE]]
            released.extend(await self._remove_parts(name, keys))
        if taken is not None and released:
            owner = object_cell(name.incarnation, name.key)
            await self._registers.release(
                owner, [data_id for data_id in released if data_id not in taken]
            )

    async def _remove_parts(self, name: UploadName, keys: Sequence[bytes]) -> list[DataId]:
        try:
            async with asyncio.TaskGroup() as group:
                removals = [group.create_task(self.remove_part(name, key)) for key in keys]
        except ExceptionGroup as failed:
            # One reason stands for all: callers know errors, not groups of them.
            raise failed.exceptions[0] from failed
        return [data_id for removal in removals for data_id in removal.result()]

    async def remove_part(self, name: UploadName, register_key: bytes) -> list[DataId]:
        """Remove a part register and return the data ids it named."""
        ids: list[DataId] = []

        def decide(value: Value | None) -> Change | None:
            nonlocal ids
            if value is None:
                return None
            ids = part_ids(decode_part(value.head))
            return Change(False, released=())

        place = object_cell(name.incarnation, name.key).key
        await self._registers.write(Cell(place, register_key), decide)
        return ids
