"""Linearizable reads of one key: one round in the common case.

A read quorum shows the newest record. It is chosen when its proposer's watermark, known before the
read began, covers it, or when a write quorum holds it; otherwise it is completed before it is
shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from functools import partial

from atoll.base.errors import BucketNotFound, Contended, QuorumLost
from atoll.base.ids import (
    CLOCK_COUNTER_BITS,
    Ballot,
    DriveId,
    ballot_clock,
    ballot_proposer,
)
from atoll.core.quorum.messages import Detail, Read, Record, Shown
from atoll.registers.fan_out import Round
from atoll.registers.members import Members, Spot
from atoll.registers.proposer import Proposer
from atoll.registers.turns import Turns


class Reader:
    """Reads through one proposer."""

    def __init__(self, proposer: Proposer, turns: Turns) -> None:
        self._proposer = proposer
        self._turns = turns
        self.completion_count = 0

    async def read(self, spot: Spot, detail: Detail) -> Record | None:
        """Return the chosen record of a key, tombstones included; None when it has none.

        Raises
            QuorumLost: too few drives answered.
            Contended: the record stayed unsettled while others kept writing the key.
        """
        proposer = self._proposer
        index = spot.on.index
        marks, own_mark = proposer.marks, proposer.own_mark(index)
        round_ = await self._show(spot, detail)
        newest, holders = self._newest(spot, round_)
        if newest is None:
            return None
        if detail is Detail.WHOLE:
            newest = await self._with_inline(spot, round_, newest)
        if not proposer.rules.watermark_is_taken_before:
            marks = proposer.marks
        if proposer.is_settled(index, newest.ballot, marks, own_mark):
            return newest
        if not proposer.rules.readers_write_back or holders >= spot.on.quorums.write:
            return newest
        return await self._read_unsettled(spot, detail)

    async def _show(self, spot: Spot, detail: Detail, *, everyone: bool = False) -> Round[Shown]:
        """Ask a read quorum for its records, or every drive that answers.

        Raises
            QuorumLost: too few drives answered.
        """
        proposer = self._proposer
        needed = proposer.read_quorum(spot)
        members, settings = proposer.members, proposer.settings
        stamp = proposer.stamp(spot.on.index)
        request = Read(spot.on.index, spot.key, stamp, detail)
        # Inline bytes come from one drive; from the others it is enough to know that they agree.
        brief = Read(spot.on.index, spot.key, stamp) if detail is Detail.WHOLE else request
        order = members.ordered(spot.on, spot.key)
        starts = [partial(_read, members, drive_id, brief) for drive_id in order]
        starts[0] = partial(_read, members, order[0], request)
        round_: Round[Shown] = Round(starts, needed=needed, is_ok=_always)
        if everyone:
            await round_.run_all(deadline_s=settings.round_s, patience_s=settings.straggler_s)
        else:
            await round_.run(first=needed, deadline_s=settings.round_s, hedge_s=settings.hedge_s)
        if len(round_.oks) < needed:
            raise QuorumLost(
                "Too few drives answered.",
                needed=needed,
                reached=len(round_.oks),
                causes=round_.causes(),
                set_index=spot.on.index,
            )
        return round_

    async def _with_inline(self, spot: Spot, round_: Round[Shown], newest: Record) -> Record:
        """Return the newest record with its inline bytes, asking a drive that holds it if need
        be."""
        for index, shown in round_.oks:
            if shown.record is not None and shown.record.ballot == newest.ballot and index == 0:
                return shown.record
        order = self._proposer.members.ordered(spot.on, spot.key)
        holders = [
            order[index]
            for index, shown in round_.oks
            if shown.record is not None and shown.record.ballot == newest.ballot
        ]
        return await self._proposer.fetch_whole(spot, newest, holders)

    def _newest(self, spot: Spot, round_: Round[Shown]) -> tuple[Record | None, int]:
        """Return the newest record shown and how many drives showed it; learn watermarks."""
        newest: Record | None = None
        holders = 0
        learned: dict[tuple[int, int], int] = {}
        own = self._proposer.ballots.proposer
        for _, shown in round_.oks:
            record = shown.record
            if record is None:
                continue
            author = ballot_proposer(record.ballot)
            if author != own:
                learned[(spot.on.index, author)] = shown.watermark
            if newest is None or record.ballot > newest.ballot:
                newest, holders = record, 1
            elif record.ballot == newest.ballot:
                holders += 1
        if learned:
            self._proposer.learn(learned)
        return newest, holders

    async def _read_unsettled(self, spot: Spot, detail: Detail) -> Record | None:
        """Look again while the record is young, count, and complete it if it stays unsettled.

        Bounded by this reader's own time: the clock of a ballot may be ahead of ours, by its
        proposer's skew or by the floors of a node that was started again and again.
        """
        settings = self._proposer.settings
        loop = asyncio.get_running_loop()
        end_s = loop.time() + settings.young_s
        while True:
            if self._turns.is_taken(spot.key):
                # A writer of this process is at it: its answer is the quickest way to know.
                await self._turns.take(spot.key)
                self._turns.give(spot.key)
            record, is_chosen = await self._count(spot, detail)
            if record is None or is_chosen:
                return record
            if not self._is_young(record.ballot) or loop.time() >= end_s:
                break
            await asyncio.sleep(settings.reread_s)
        return await self.complete(spot, detail)

    async def complete(self, spot: Spot, detail: Detail) -> Record | None:
        """Complete a key, once for all readers of this process that wait for it.

        Raises
            QuorumLost, Contended: could not be completed now.
            Throttled: too many ballots are open already; nothing was sent.
        """
        await self._turns.take(spot.key)
        try:
            record, is_chosen = await self._count(spot, detail)
            if record is None or is_chosen:
                return record
            self._proposer.check_load(spot)
            self.completion_count += 1
            return await self._proposer.complete(spot)
        except BucketNotFound as exc:
            # The owner is being removed, or was. Which of them is not for a read to say.
            raise Contended("The key's bucket is being removed.", key=spot.key) from exc
        finally:
            self._turns.give(spot.key)

    async def _count(self, spot: Spot, detail: Detail) -> tuple[Record | None, bool]:
        """Ask all drives; return the newest record and whether a write quorum holds it or it is
        settled."""
        proposer = self._proposer
        marks, own_mark = proposer.marks, proposer.own_mark(spot.on.index)
        round_ = await self._show(spot, detail, everyone=True)
        newest, holders = self._newest(spot, round_)
        if newest is None:
            return None, True
        if detail is Detail.WHOLE:
            newest = await self._with_inline(spot, round_, newest)
        chosen = holders >= spot.on.quorums.write or proposer.is_settled(
            spot.on.index, newest.ballot, marks, own_mark
        )
        return newest, chosen

    def _is_young(self, ballot: Ballot) -> bool:
        age = self._proposer.ballots.now() - ballot_clock(ballot)
        return age < int(self._proposer.settings.young_s * 1000) << CLOCK_COUNTER_BITS


def _always(_: Shown) -> bool:
    return True


def _read(members: Members, drive_id: DriveId, request: Read) -> Awaitable[Shown]:
    return members.drive(drive_id).read(request)
