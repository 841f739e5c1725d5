"""Restore the redundancy of registers: one record on every drive, blank drives copied.

Owns      the register side of heal, rebuild and tombstone collection; jobs decide what and when.
Proof     everything goes through ballots: a repair is a completion on all drives, never a copy
          from one drive to another, except into a drive that does not vote on the key yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from functools import partial
from typing import Final, TypeVar

import msgspec

from atoll.base.errors import QuorumLost, RecordUnreadable
from atoll.base.ids import CLOCK_COUNTER_BITS, Ballot, DriveId, ballot_clock
from atoll.core.placement.cluster_map import ErasureSet
from atoll.core.quorum.fold import Outcome as RoundOutcome
from atoll.core.quorum.messages import Detail, Drop, Page, Read, Record, Restore, Row, Scan, Shown
from atoll.drives.contract import NOTHING_COPIED
from atoll.registers.fan_out import Round
from atoll.registers.members import Members, Spot
from atoll.registers.proposer import Lost, Proposer, quorum_lost
from atoll.registers.turns import Turns

T = TypeVar("T")

#: A tombstone is kept this long: longer than any writer keeps trying, so that nobody's old ballot
#: meets the raised horizon, and no retry takes a dropped tombstone for "never written".
TOMBSTONE_AGE_MS = 600_000
#: How often a record is written again before a drive that does not take it is given up.
REWRITES_MAX: Final = 3
#: Looks at a key that was written again, for drives whose sync is late, and the first pause.
_LOOKS_MAX: Final = 7
_LOOK_FIRST_S: Final = 0.001
#: Copies of a record younger than this may differ only because it is being written.
RECENT_MS: Final = 1000


class Copies(msgspec.Struct, frozen=True):
    """What the drives of a set hold of one key.

    `behind` are drives that lack the newest record, whatever the reason; `silent` those of them
    that did not answer, `unreadable` those whose own record is damaged.
    """

    newest: Record | None
    behind: tuple[DriveId, ...]
    silent: tuple[DriveId, ...]
    unreadable: tuple[DriveId, ...] = ()

    @property
    def repairable(self) -> frozenset[DriveId]:
        """Return the drives that writing the record again would help."""
        return frozenset(self.behind).difference(self.silent)


class Repairer:
    """Register repairs through one proposer."""

    def __init__(self, proposer: Proposer, turns: Turns) -> None:
        self._proposer = proposer
        self._turns = turns

    @property
    def sets(self) -> tuple[ErasureSet, ...]:
        """Return the sets of the present map, by index."""
        return self._proposer.members.map.sets

    async def inspect(self, spot: Spot, detail: Detail = Detail.HEAD) -> Copies:
        """Ask every drive of the set for its record of a key, as its medium holds it.

        Raises
            QuorumLost: fewer than a read quorum answered, damaged records aside.
        """
        proposer = self._proposer
        members, on = proposer.members, spot.on
        stamp = proposer.stamp(on.index)
        request = Read(on.index, spot.key, stamp, detail, True)
        drives = on.drives
        round_: Round[Shown] = Round(
            [partial(_read, members, drive_id, request) for drive_id in drives],
            needed=on.quorums.read,
            is_ok=lambda _: True,
        )
        await self._ask_all(round_)
        unreadable = {
            index for index, fault in round_.faults if isinstance(fault, RecordUnreadable)
        }
        if len(round_.oks) + len(unreadable) < on.quorums.read:
            raise _lost(on, on.quorums.read, round_)
        newest = _newest(round_)
        top = newest.ballot if newest is not None else None
        current = {
            index
            for index, shown in round_.oks
            if (shown.record.ballot if shown.record is not None else None) == top
        }
        answered = unreadable.union(index for index, _ in round_.oks)
        return Copies(
            newest,
            tuple(drive_id for index, drive_id in enumerate(drives) if index not in current),
            tuple(drive_id for index, drive_id in enumerate(drives) if index not in answered),
            tuple(drive_id for index, drive_id in enumerate(drives) if index in unreadable),
        )

    async def repair(self, spot: Spot, detail: Detail = Detail.HEAD) -> bool:
        """Put the newest record of a key on every drive of its set; return whether it was written.

        With Detail.WHOLE inline bytes are read, too. A drive whose record is damaged takes the new
        one; a drive that does not answer is left as it is.

        Raises
            QuorumLost, Contended, Throttled: not possible now.
        """
        found = await self.inspect(spot, detail)
        is_written = False
        for _ in range(REWRITES_MAX):
            if not found.repairable:
                break
            await self.confirm(spot)
            is_written = True
            found = await self._look(spot, detail)
        return is_written

    async def _look(self, spot: Spot, detail: Detail) -> Copies:
        """Inspect a key that was just written, giving late drives a moment."""
        found = await self.inspect(spot, detail)
        for number in range(_LOOKS_MAX):
            if not found.repairable:
                break
            await asyncio.sleep(_LOOK_FIRST_S * 2**number)
            found = await self.inspect(spot, detail)
        return found

    def is_recent(self, found: Copies) -> bool:
        """Return whether copies may differ only because their key is being written."""
        if found.newest is None:
            return False
        age = self._proposer.ballots.now() - ballot_clock(found.newest.ballot)
        return age < RECENT_MS << CLOCK_COUNTER_BITS

    async def confirm(self, spot: Spot) -> Record | None:
        """Have the newest value of a key chosen at a fresh ballot, written to all drives.

        From then on no older record of the key, on whatever drive, can become its value. A key
        without any record gets a tombstone.

        Raises
            QuorumLost, Contended: not possible now.
            Throttled: too many ballots are open already; nothing was sent.
        """
        await self._turns.take(spot.key)
        try:
            self._proposer.check_load(spot)
            return await self._rewrite(spot)
        finally:
            self._turns.give(spot.key)

    async def _rewrite(self, spot: Spot) -> Record | None:
        """Accept the newest value once more, at a fresh ballot, on all drives."""
        proposer = self._proposer
        index = spot.on.index
        where = (index, spot.key)
        ballot = proposer.ballots.issue(index)
        try:
            prepared = await proposer.prepare(spot, ballot)
        except Lost as lost:
            proposer.ballots.close(index, ballot)
            raise quorum_lost(lost, spot) from lost
        except BaseException:
            proposer.ballots.close(index, ballot)
            raise
        # As long as the key is listed here, `settle` writes even what is settled already.
        proposer.unresolved.setdefault(where, [])
        try:
            return await proposer.settle(spot, prepared)
        except Lost as lost:
            raise quorum_lost(lost, spot) from lost
        finally:
            if where in proposer.unresolved:
                if proposer.unresolved[where]:
                    proposer.on_unresolved(spot)
                else:
                    del proposer.unresolved[where]

    async def _ask_all(self, round_: Round[T]) -> None:
        settings = self._proposer.settings
        await round_.run_all(deadline_s=settings.round_s, patience_s=settings.straggler_s)

    async def list_page(
        self,
        on: ErasureSet,
        start: bytes,
        end: bytes,
        limit: int,
        /,
        *,
        needed: int | None = None,
    ) -> tuple[list[Row], bytes]:
        """Return the newest row of each key that any drive of a set holds, dead ones included.

        Returns also where to go on (empty at the end). A drive that does not answer is left out, as
        long as `needed` do: a read quorum unless told.

        Raises
            QuorumLost: too few drives answer.
        """
        proposer = self._proposer
        request = Scan(on.index, start, end, limit, proposer.stamp(on.index), Detail.SUMMARY)
        drives = on.drives
        least = on.quorums.read if needed is None else needed
        round_: Round[Page] = Round(
            [partial(_scan, proposer.members, drive_id, request) for drive_id in drives],
            needed=least,
            is_ok=lambda _: True,
        )
        await self._ask_all(round_)
        if len(round_.oks) < least:
            raise _lost(on, least, round_)
        pages = [page for _, page in round_.oks]
        covered = min(page.covered for page in pages)
        newest: dict[bytes, Row] = {}
        for page in pages:
            for row in page.rows:
                held = newest.get(row.key)
                if row.key < covered and (held is None or row.ballot > held.ballot):
                    newest[row.key] = row
        rows = [newest[key] for key in sorted(newest)]
        return rows, covered if covered < end else b""

    async def copy_page(
        self, on: ErasureSet, target: DriveId, start: bytes, end: bytes, limit: int, /
    ) -> tuple[bytes, int]:
        """Copy the next keys of a set to a drive that is being rebuilt.

        Returns where to go on (empty at the end) and how many records were copied. Reads a read
        quorum of the other drives, whose newest record of each key is at least the newest chosen;
        the first page brings their seals along.

        Raises
            QuorumLost: too few other drives answer.
        """
        pages = await self._scan_others(on, target, start, end, limit)
        covered = min(page.covered for page in pages)
        keys = sorted({row.key for page in pages for row in page.rows if row.key < covered})
        records: list[tuple[bytes, Record]] = []
        for key in keys:
            record = await self._newest_elsewhere(Spot(on, key), target)
            if record is not None:
                records.append((key, record))
        until = covered if covered < end else b""
        seals = tuple(mark for page in pages for mark in page.seals)
        request = Restore(on.index, records, until, self._proposer.stamp(on.index), seals)
        await self._proposer.members.drive(target).restore(request)
        return until, len(records)

    async def _scan_others(
        self, on: ErasureSet, target: DriveId, start: bytes, end: bytes, limit: int
    ) -> list[Page]:
        proposer = self._proposer
        stamp = proposer.stamp(on.index)
        is_first = start <= NOTHING_COPIED
        request = Scan(on.index, start, end, limit, stamp, Detail.SUMMARY, with_seals=is_first)
        others = [drive_id for drive_id in on.drives if drive_id != target]
        round_: Round[Page] = Round(
            [partial(_scan, proposer.members, drive_id, request) for drive_id in others],
            needed=on.quorums.read,
            is_ok=lambda _: True,
        )
        outcome = await round_.run(first=on.quorums.read, deadline_s=proposer.settings.round_s)
        if outcome is not RoundOutcome.REACHED:
            raise _lost(on, on.quorums.read, round_)
        return [page for _, page in round_.oks]

    async def _newest_elsewhere(self, spot: Spot, target: DriveId) -> Record | None:
        proposer = self._proposer
        on = spot.on
        request = Read(on.index, spot.key, proposer.stamp(on.index), Detail.WHOLE)
        others = [drive_id for drive_id in on.drives if drive_id != target]
        round_: Round[Shown] = Round(
            [partial(_read, proposer.members, drive_id, request) for drive_id in others],
            needed=on.quorums.read,
            is_ok=lambda _: True,
        )
        outcome = await round_.run(first=on.quorums.read, deadline_s=proposer.settings.round_s)
        if outcome is not RoundOutcome.REACHED:
            raise _lost(on, on.quorums.read, round_)
        return _newest(round_)

    # ── tombstones ─────────────────────────────────────────────────────────────────────────────

    def is_old_tombstone(self, row: Row) -> bool:
        """Return whether a row is a tombstone that may be dropped once all drives hold it."""
        if row.live:
            return False
        age = self._proposer.ballots.now() - ballot_clock(row.ballot)
        return age > TOMBSTONE_AGE_MS << CLOCK_COUNTER_BITS

    async def drop_tombstone(self, spot: Spot, ballot: Ballot) -> bool:
        """Forget a tombstone that all drives hold at exactly `ballot`; return whether they did."""
        found = await self.inspect(spot)
        newest = found.newest
        if found.behind or newest is None or newest.ballot != ballot or newest.value.live:
            return False
        proposer = self._proposer
        request = Drop(spot.on.index, spot.key, ballot, proposer.stamp(spot.on.index))
        drives = spot.on.drives
        round_: Round[bool] = Round(
            [partial(_drop, proposer.members, drive_id, request) for drive_id in drives],
            needed=len(drives),
            is_ok=bool,
        )
        outcome = await round_.run(first=len(drives), deadline_s=proposer.settings.round_s)
        return outcome is RoundOutcome.REACHED


def _newest(round_: Round[Shown]) -> Record | None:
    newest: Record | None = None
    for _, shown in round_.oks:
        record = shown.record
        if record is not None and (newest is None or record.ballot > newest.ballot):
            newest = record
    return newest


def _lost(on: ErasureSet, needed: int, round_: Round[Page] | Round[Shown]) -> QuorumLost:
    return QuorumLost(
        "Too few drives answered.",
        needed=needed,
        reached=len(round_.oks),
        causes=round_.causes(),
        set_index=on.index,
    )


def _read(members: Members, drive_id: DriveId, request: Read) -> Awaitable[Shown]:
    return members.drive(drive_id).read(request)


def _scan(members: Members, drive_id: DriveId, request: Scan) -> Awaitable[Page]:
    return members.drive(drive_id).scan(request)


def _drop(members: Members, drive_id: DriveId, request: Drop) -> Awaitable[bool]:
    return members.drive(drive_id).drop(request)
