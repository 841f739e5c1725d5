"""Walk a namespace in key order, groups collapsed: what all listings share.

Owns      the window a listing asks for, seeking past groups, and the budget of fruitless scans.
Does not  know what a row means: a predicate says whether it shows.
Cost      follows the rows shown. Dead keys and hidden rows (delete markers, ended uploads) cost
          scans without rows; after `SCANS_MAX` of them the walk stops at a key it can go on from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from atoll.core.quorum.messages import Detail, Row
from atoll.objects.contract import ListRequest
from atoll.objects.keys import OWNER_BYTES, prefix_end
from atoll.registers.contract import RegisterStore, ScanRange

#: Scans in a row that may show nothing before a page ends early.
SCANS_MAX: Final = 64
_BATCH_MIN: Final = 16
_BATCH_MAX: Final = 1001


class Window(msgspec.Struct, frozen=True):
    """The keys a listing walks, [start, end), and how they group."""

    start: bytes
    end: bytes
    delimiter: bytes
    #: Byte of the register key from which the delimiter is looked for.
    group_from: int

    def group_of(self, key: bytes, key_end: int | None = None) -> bytes:
        """Return a register key's group through its delimiter; empty: it stands alone."""
        if not self.delimiter:
            return b""
        at = key.find(self.delimiter, self.group_from, key_end)
        return b"" if at < 0 else key[: at + len(self.delimiter)]


def open_window(owner: bytes, request: ListRequest, suffix: bytes, suffix_id: bytes) -> Window:
    """Return the window of a request in the namespace of `owner`.

    The walk starts behind `after + suffix`, or at `after + suffix_id` where the request has an
    `after_id`; an `after` that is a common prefix is skipped whole.
    """
    low = owner + request.prefix
    window = Window(low, prefix_end(low), request.delimiter, len(low))
    if not request.after:
        return window
    after = owner + request.after
    if after.startswith(low) and window.group_of(after) == after:
        start = prefix_end(after)
    else:
        start = after + (suffix_id if request.after_id else suffix)
    return Window(max(low, start), window.end, window.delimiter, window.group_from)


class Shown(msgspec.Struct, frozen=True):
    """A row that shows, and its group (empty: none)."""

    row: Row
    group: bytes


class Walk:
    """Yields the rows of a window that show, one per group.

    Scans collapse groups: only the first live row of one is seen, and if that is hidden the group
    is searched. With `key_end_of`, which bounds where a delimiter may lie, scans bring all rows and
    groups are skipped by seeking.
    """

    def __init__(
        self,
        registers: RegisterStore,
        window: Window,
        detail: Detail,
        shows: Callable[[bytes], bool],
        *,
        limit: int,
        key_end_of: Callable[[bytes], int] | None = None,
    ) -> None:
        self._registers = registers
        self._window = window
        self._detail = detail
        self._shows = shows
        self._batch = min(max(limit + 1, _BATCH_MIN), _BATCH_MAX)
        self._key_end_of = key_end_of
        self._rows: list[Row] = []
        self._index = 0
        self._start: bytes | None = window.start if window.start < window.end else None
        self._fruitless = 0
        #: Last key or group seen, without owner; a listing may go on behind it. Empty: none yet.
        self.last = b""
        #: Whether the walk stopped for its budget, not at the window's end.
        self.is_cut = False

    def take(self, room: int) -> list[Row]:
        """Return up to `room` next rows that lie here, show, and stand alone: many in one step.

        It ends at a group and where more must be fetched; `next` goes on from there.
        """
        taken: list[Row] = []
        rows, shows = self._rows, self._shows
        while len(taken) < room and self._index < len(rows):
            start = self._index
            end = min(start + room - len(taken), len(rows))
            if self._window.delimiter:
                end = next((i for i in range(start, end) if self._group_of(rows[i].key)), end)
            if start == end:
                break
            taken += [row for row in rows[start:end] if shows(row.body)]
            self._index = end
            self.last = rows[end - 1].key[OWNER_BYTES:]
        if taken:
            self._fruitless = 0
        return taken

    def _group_of(self, key: bytes) -> bytes:
        key_end = None if self._key_end_of is None else self._key_end_of(key)
        return self._window.group_of(key, key_end)

    async def next(self) -> Shown | None:
        """Return the next row that shows; None: the window or the budget is at its end."""
        while True:
            row = await self._next_row()
            if row is None:
                return None
            group = self._group_of(row.key)
            if not group:
                self.last = row.key[OWNER_BYTES:]
                if self._shows(row.body):
                    self._fruitless = 0
                    return Shown(row, b"")
                continue
            shows = self._shows(row.body)
            if not shows:
                self.last = row.key[OWNER_BYTES:]
                if self._key_end_of is not None:
                    continue
                shows = await self._search(row.key, group)
                if self.is_cut:
                    return None
            self._seek(prefix_end(group))
            self.last = group[OWNER_BYTES:]
            if shows:
                self._fruitless = 0
                return Shown(row, group)

    async def _next_row(self) -> Row | None:
        while self._index == len(self._rows):
            if self._start is None:
                return None
            if self._fruitless > SCANS_MAX and self.last:
                self.is_cut = True
                return None
            await self._fetch(self._start)
        self._index += 1
        return self._rows[self._index - 1]

    async def _fetch(self, start: bytes) -> None:
        window = self._window
        self._fruitless += 1
        page = await self._registers.scan(
            ScanRange(
                start=start,
                end=window.end,
                limit=self._batch,
                detail=self._detail,
                delimiter=window.delimiter if self._key_end_of is None else b"",
                group_from=window.group_from,
            )
        )
        self._rows, self._index = page.rows, 0
        self._start = page.next_start
        self._batch = _BATCH_MAX if self._fruitless > 1 else self._batch
        covered = page.next_start
        if page.rows or covered is None or not covered.endswith(b"\0"):
            return
        # Only dead keys so far. What was covered ends at a key to go on from, unless it has the
        # name of a group: behind that, the group would be skipped.
        if window.group_of(covered[:-1]) != covered[:-1]:
            self.last = max(self.last, covered[OWNER_BYTES:-1])

    async def _search(self, first: bytes, group: bytes) -> bool:
        """Return whether any row of a group behind `first` shows."""
        start: bytes | None = first + b"\0"
        end = prefix_end(group)
        while start is not None:
            # The group's own name as a position would skip the group: look further first.
            if self._fruitless > SCANS_MAX and self.last != group[OWNER_BYTES:]:
                self.is_cut = True
                return False
            self._fruitless += 1
            page = await self._registers.scan(
                ScanRange(start=start, end=end, limit=_BATCH_MAX, detail=self._detail)
            )
            for row in page.rows:
                self.last = row.key[OWNER_BYTES:]
                if self._shows(row.body):
                    return True
            start = page.next_start
        return False

    def _seek(self, key: bytes) -> None:
        while self._index < len(self._rows) and self._rows[self._index].key < key:
            self._index += 1
        if self._index == len(self._rows) and self._start is not None:
            self._start = None if key >= self._window.end else max(self._start, key)
