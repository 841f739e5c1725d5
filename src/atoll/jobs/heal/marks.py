"""Marks of drives that may lack records or shards, so that a restart does not forget them.

Owns      registers `d/<drive id>`: there is one while the drive must be swept. They lie on the
          cluster's drives like everything else, so whichever process is there goes on.
Value     live and empty; the key says it all.
Source    docs/design/heal.md
"""

from __future__ import annotations

from typing import Final

from atoll.base.ids import DriveId
from atoll.core.quorum.messages import Value
from atoll.registers.contract import Cell, Change, RegisterStore, ScanRange

_START: Final = b"d/"
_END: Final = b"d0"
_ROWS: Final = 1000


class DriveMarks:
    """The marks of all drives."""

    def __init__(self, registers: RegisterStore) -> None:
        self._registers = registers

    async def read(self) -> set[DriveId]:
        """Return the drives that are marked."""
        marked: set[DriveId] = set()
        start: bytes | None = _START
        while start is not None:
            page = await self._registers.scan(ScanRange(start=start, end=_END, limit=_ROWS))
            marked.update(DriveId(row.key[len(_START) :].decode()) for row in page.rows)
            start = page.next_start
        return marked

    async def set(self, drive_id: DriveId) -> None:
        """Mark a drive. Idempotent."""
        await self._write(drive_id, live=True)

    async def clear(self, drive_id: DriveId) -> None:
        """Unmark a drive. Idempotent."""
        await self._write(drive_id, live=False)

    async def _write(self, drive_id: DriveId, *, live: bool) -> None:
        def decide(value: Value | None) -> Change | None:
            return None if (value is not None) == live else Change(live)

        key = _START + drive_id.encode()
        await self._registers.write(Cell(key, key), decide)
