"""Ordered scans over all sets: merge read quorums, settle what is unsettled, show only chosen live
rows.

Invariant a row acknowledged before the scan began and not removed since is shown; a removed one is
          not; none twice.
Final     rows of a set are final up to the smallest key that some stream of its quorum did not
          cover.
Groups    with a delimiter each stream shows the first row of each group, so the smallest key of a
          group is known to all streams that cover it; when that row turns out dead, the group is
          walked key by key.
"""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial

import msgspec

from atoll.base.errors import QuorumLost
from atoll.base.ids import BALLOT_ZERO, DriveId, ballot_clock, make_ballot
from atoll.base.limits import PAGE_ROWS_MAX
from atoll.core.placement.cluster_map import ErasureSet
from atoll.core.quorum.fold import Outcome as RoundOutcome
from atoll.core.quorum.messages import Detail, Page, Row, Scan
from atoll.registers.contract import RowPage, ScanRange
from atoll.registers.fan_out import Round
from atoll.registers.members import Members, Spot
from atoll.registers.proposer import Proposer
from atoll.registers.reader import Reader

#: Rows that one round of a scan asks a drive for at most: a page of a listing, and the row that
#: tells whether another page follows.
ROWS_MAX = PAGE_ROWS_MAX + 1
#: Rounds that walk dead keys before the caller gets an empty page and a place to go on.
DEAD_ROUNDS_MAX = 16


class Scanner:
    """Scans through one proposer."""

    def __init__(self, proposer: Proposer, reader: Reader) -> None:
        self._proposer = proposer
        self._reader = reader

    async def scan(self, asked: ScanRange) -> RowPage:
        """Return chosen live rows of a range, in key order over all sets."""
        sets = self._proposer.members.map.sets
        if len(sets) == 1:
            return await self._scan_set(sets[0], asked)
        pages = [await self._scan_set(on, asked) for on in sets]
        final = min((p.next_start for p in pages if p.next_start is not None), default=None)
        rows = [row for page in pages for row in page.rows if final is None or row.key < final]
        rows.sort(key=_key_of)
        if asked.delimiter:
            rows = _first_of_groups(rows, asked)
        if len(rows) > asked.limit:
            rows = rows[: asked.limit]
            final = _behind(rows[-1].key, asked)
        return RowPage(rows, final)

    async def _scan_set(self, on: ErasureSet, asked: ScanRange) -> RowPage:
        rows: list[Row] = []
        start = asked.start
        limit = min(asked.limit, ROWS_MAX)
        for _ in range(DEAD_ROUNDS_MAX):
            part = msgspec.structs.replace(asked, start=start, limit=limit - len(rows))
            found, behind = await self._scan_once(on, part)
            rows += found
            if len(rows) > limit:
                # Drives that miss different records show more keys together than each of them.
                del rows[limit:]
                behind = _behind(rows[-1].key, asked)
            if behind is None or len(rows) >= limit:
                return RowPage(rows, behind)
            start = behind
        return RowPage(rows, start)

    async def _scan_once(self, on: ErasureSet, asked: ScanRange) -> tuple[list[Row], bytes | None]:
        """One round on a read quorum; return live chosen rows and where to go on."""
        proposer = self._proposer
        marks, own_mark = proposer.marks, proposer.own_mark(on.index)
        streams = await self._streams(on, asked)
        covered = min(page.covered for page in streams)
        rows = _merge(streams, covered)
        if asked.delimiter:
            rows = _first_of_groups(rows, asked)
        behind = None if covered >= asked.end else covered
        if rows and behind is not None:
            behind = max(behind, _behind(rows[-1].key, asked))
        if not self._are_settled(on, rows, marks, own_mark):
            rows = [
                row
                if proposer.is_settled(on.index, row.ballot, marks, own_mark)
                else await self._settle_row(on, row, asked.detail)
                for row in rows
            ]
        result = [row for row in rows if row.live]
        if asked.delimiter and len(result) < len(rows):
            found = [await self._live_row(on, row, asked) for row in rows]
            result = [row for row in found if row is not None]
        for page in streams:
            proposer.learn({(on.index, p): mark for p, mark in page.watermarks.items()})
        if behind is not None and behind >= asked.end:
            behind = None
        return result, behind

    async def _streams(self, on: ErasureSet, asked: ScanRange) -> list[Page]:
        proposer = self._proposer
        members = proposer.members
        request = Scan(
            on.index,
            asked.start,
            asked.end,
            asked.limit,
            proposer.stamp(on.index),
            asked.detail,
            asked.delimiter,
            asked.group_from,
        )
        needed = proposer.read_quorum(Spot(on, asked.start))
        round_: Round[Page] = Round(
            [
                partial(_scan, members, drive_id, request)
                for drive_id in members.ordered(on, asked.start)
            ],
            needed=needed,
            is_ok=_always,
        )
        settings = proposer.settings
        outcome = await round_.run(
            first=needed, deadline_s=settings.round_s, hedge_s=settings.round_s / 4
        )
        if outcome is not RoundOutcome.REACHED:
            raise QuorumLost(
                "Too few drives answered.",
                needed=needed,
                reached=len(round_.oks),
                causes=round_.causes(),
                set_index=on.index,
            )
        return [page for _, page in round_.oks]

    def _are_settled(
        self, on: ErasureSet, rows: list[Row], marks: dict[tuple[int, int], int], own_mark: int
    ) -> bool:
        """Return whether the newest row is settled by the mark of each proposer of the rows.

        Then all rows are. A page of quiet keys costs this, instead of a question per row.
        """
        ballots = [row.ballot for row in rows]
        newest = ballot_clock(max(ballots, default=BALLOT_ZERO))
        return all(
            self._proposer.is_settled(
                on.index, make_ballot(newest, int.from_bytes(proposer, "big")), marks, own_mark
            )
            for proposer in {ballot[8:] for ballot in ballots}
        )

    async def _settle_row(self, on: ErasureSet, row: Row, detail: Detail) -> Row:
        """Return the chosen row of a key whose newest record is not known to be chosen."""
        record = await self._reader.read(Spot(on, row.key), Detail.HEAD)
        if record is None:
            return Row(row.key, row.ballot, False, b"")
        value = record.value
        body = value.summary if detail is Detail.SUMMARY else value.head
        return Row(row.key, record.ballot, value.live, body)

    async def _live_row(self, on: ErasureSet, row: Row, asked: ScanRange) -> Row | None:
        """Return a row if it lives, else the first living one of its group, if there is one."""
        return row if row.live else await self._first_live(on, row.key, asked)

    async def _first_live(self, on: ErasureSet, dead: bytes, asked: ScanRange) -> Row | None:
        """Return the first live row of the group of `dead`, behind it."""
        behind = _behind(dead, asked)
        start: bytes | None = dead + b"\0"
        if behind == start:
            return None
        while start is not None:
            part = ScanRange(
                start=start, end=min(behind, asked.end), limit=100, detail=asked.detail
            )
            rows, start = await self._scan_once(on, part)
            if rows:
                return rows[0]
        return None


def _merge(streams: list[Page], covered: bytes) -> list[Row]:
    """Return the newest row of each key below `covered`, in key order."""
    first = streams[0]
    if all(page.rows == first.rows for page in streams[1:]):
        if first.covered == covered:
            return first.rows
        return [row for row in first.rows if row.key < covered]
    newest: dict[bytes, Row] = {}
    for page in streams:
        for row in page.rows:
            if row.key >= covered:
                break
            held = newest.get(row.key)
            if held is None or row.ballot > held.ballot:
                newest[row.key] = row
    return sorted(newest.values(), key=_key_of)


def _first_of_groups(rows: list[Row], asked: ScanRange) -> list[Row]:
    """Keep the smallest row of each group: only that one is known to every stream."""
    kept: list[Row] = []
    behind = b""
    for row in rows:
        if row.key >= behind:
            kept.append(row)
            behind = _behind(row.key, asked)
    return kept


def _behind(key: bytes, asked: ScanRange) -> bytes:
    """Return the first possible key behind `key`, or behind its whole group."""
    if asked.delimiter:
        at = key.find(asked.delimiter, asked.group_from)
        if at >= 0:
            group = key[: at + len(asked.delimiter)].rstrip(b"\xff")
            if not group:
                return asked.end
            return group[:-1] + bytes((group[-1] + 1,))
    return key + b"\0"


def _key_of(row: Row) -> bytes:
    return row.key


def _always(_: Page) -> bool:
    return True


def _scan(members: Members, drive_id: DriveId, request: Scan) -> Awaitable[Page]:
    return members.drive(drive_id).scan(request)
