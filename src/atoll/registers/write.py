"""One write of a register: decide, accept, and when the answer is unclear look before trying again.

Owns      the life of one write id: every ballot it was sent at, and what became of it.
Does not  run rounds (proposer.py) or wait for its turn (turns.py).
Invariant a write is applied at most once: a retry is sent only when a look proved that no earlier
          accept of this write can be chosen any more.
Invariant ballots whose outcome is unknown when the write ends are handed to the resolver.
Source    docs/design/registers.md, "Unknown outcome".
"""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import Final

from atoll.base.errors import (
    BucketNotFound,
    Contended,
    OutcomeUnknown,
    QuorumLost,
    Rejected,
    StorageFull,
)
from atoll.base.ids import Ballot, DataId, DriveId, WriteId
from atoll.core.quorum.messages import Record, Value
from atoll.registers.contract import Change, Decide, Outcome
from atoll.registers.members import Spot
from atoll.registers.proposer import Lost, Prepared, Proposer, Taken, quorum_lost

#: Write ids of predecessors kept in a value. One would do for two writers; more survive more
#: retries.
LINEAGE_MAX: Final = 3


class Verdict(Enum):
    """What a look says about a write whose accept got no clear answer."""

    APPLIED = "applied"
    NOT_APPLIED = "not applied"
    UNKNOWN = "unknown"


def judge(newest: Record | None, write_id: WriteId, base: WriteId | None) -> Verdict:
    """Return what the newest record says about the write `write_id` that was built on `base`.

    The look holds a promise of a read quorum at a higher ballot, so a value that it does not show
    can
    never be chosen any more.
    """
    if newest is None:
        return Verdict.NOT_APPLIED if base is None else Verdict.UNKNOWN
    chain = (newest.value.write_id, *newest.value.lineage)
    if write_id in chain:
        return Verdict.APPLIED
    if base in chain or (base is None and len(chain) <= LINEAGE_MAX):
        return Verdict.NOT_APPLIED
    return Verdict.UNKNOWN


async def write_register(
    proposer: Proposer, spot: Spot, decide: Decide, seal_epoch: int
) -> Outcome:
    """Apply one read-modify-write at most once.

    Raises
        Rejected: from `decide`, on a chosen value.
        BucketNotFound, Contended, QuorumLost, Throttled: certainly not applied.
        StorageFull: not applied, for want of room.
        OutcomeUnknown: an accept was sent and nobody can say whether it will be chosen.
    """
    proposer.check_load(spot)
    attempt = WriteAttempt(proposer, spot, decide, seal_epoch)
    try:
        return await attempt.run()
    finally:
        attempt.leave_unresolved()


class WriteAttempt:
    """One write with its retries. Use once: `run`, then `leave_unresolved` however that ended."""

    def __init__(self, proposer: Proposer, spot: Spot, decide: Decide, seal_epoch: int) -> None:
        self._proposer = proposer
        self._spot = spot
        self._decide = decide
        self._seal_epoch = seal_epoch
        self._write_id = proposer.new_write_id()
        self._base: WriteId | None = None
        self._last_sent: Value | None = None
        self._previous: Value | None = None
        #: A seal refused it: what is left to do is to find out whether it was applied before.
        self._is_sealed = False
        #: Drives that had no room for it, when they are a read quorum: what the others may hold
        #: of it was not chosen, and is outbid before the caller hears of the want of room.
        self._without_room: tuple[DriveId, ...] = ()
        #: Ballots of this write that are open.
        self._open: list[Ballot] = []

    async def run(self) -> Outcome:
        """Try until the outcome is clear or the time is up."""
        proposer, settings = self._proposer, self._proposer.settings
        loop = asyncio.get_running_loop()
        end = loop.time() + settings.write_s
        attempt = 0
        while attempt == 0 or loop.time() < end:
            prepared = await self._hold(attempt)
            if prepared is not None:
                outcome = await self._evaluate(prepared)
                if outcome is not None:
                    return outcome
            await proposer.back_off(attempt)
            attempt += 1
        if self._last_sent is not None:
            raise OutcomeUnknown("The write may or may not become visible.", key=self._spot.key)
        raise Contended("Other writers kept winning this key.", key=self._spot.key)

    async def _hold(self, attempt: int) -> Prepared | None:
        """Prepare a fresh ballot; None: refused, try again."""
        proposer, index = self._proposer, self._spot.on.index
        ballot = proposer.ballots.issue(index)
        self._open.append(ballot)
        try:
            return await proposer.prepare(self._spot, ballot, ahead=self._without_room)
        except Lost as lost:
            # Nothing was sent at this ballot but prepares.
            self._close(ballot)
            if lost.refused or (lost.full and self._last_sent is not None):
                # A promise may take a write of the drive; one without room makes some.
                return None
            if lost.full:
                raise StorageFull(needed=lost.needed, reached=lost.reached) from lost
            raise self._given_up(quorum_lost(lost, self._spot)) from lost
        except QuorumLost as exc:
            raise self._given_up(exc) from exc

    def _given_up(self, error: QuorumLost) -> QuorumLost | OutcomeUnknown:
        """Return the error for a write that cannot go on: what was sent may yet be chosen."""
        if self._last_sent is None:
            return error
        return OutcomeUnknown("The write may or may not become visible.", key=self._spot.key)

    async def _evaluate(self, prepared: Prepared) -> Outcome | None:
        """Decide on what the prepare met, and accept; None: outcome unknown, look again."""
        newest = prepared.newest
        if self._last_sent is not None and self._proposer.rules.retries_look_first:
            verdict = judge(newest, self._write_id, self._base)
            if verdict is Verdict.UNKNOWN:
                raise OutcomeUnknown(
                    "The write may or may not have been replaced.", key=self._spot.key
                )
            if verdict is Verdict.APPLIED:
                return await self._finish_applied(prepared)
            if self._is_sealed:
                # What a few drives may hold of it is outbid before the caller hears of it.
                await self._settle(prepared)
                raise BucketNotFound("The owner of this key is being removed.")
            if self._without_room:
                await self._settle(prepared)
                raise StorageFull(without_room=len(self._without_room))
        current = newest.value if newest is not None and newest.value.live else None
        try:
            change = self._decide(current)
        except Rejected:
            await self._settle(prepared)
            raise
        if change is None or (current is None and not change.live):
            await self._settle(prepared)
            return Outcome(prepared.ballot, False, current, current)
        return await self._send(prepared, change)

    async def _send(self, prepared: Prepared, change: Change) -> Outcome | None:
        newest = prepared.newest
        value, introduces = self._build(newest, change)
        self._base = newest.value.write_id if newest is not None else None
        self._previous = newest.value if newest is not None else None
        self._last_sent = value
        try:
            taken = await self._proposer.accept(
                self._spot,
                prepared,
                value,
                seal_epoch=self._seal_epoch,
                introduces=introduces,
            )
        except Lost as lost:
            self._is_sealed = self._is_sealed or lost.sealed
            # A delete goes on until a drive that is full has made room.
            if change.live and lost.full:
                self._note_full(lost)
            return None
        self._chosen()
        self._report_replaced(prepared.ballot, value, change, taken)
        previous = self._previous if self._previous is not None and self._previous.live else None
        return Outcome(prepared.ballot, True, value if value.live else None, previous)

    def _note_full(self, lost: Lost) -> None:
        """Take note of drives that had no room; raise StorageFull if nobody had."""
        on = self._spot.on
        if len(lost.full) == len(on.drives):
            raise StorageFull(needed=lost.needed, reached=0) from lost
        if len(lost.full) >= on.quorums.read:
            self._without_room = tuple(on.drives[index] for index in lost.full)

    def _build(self, newest: Record | None, change: Change) -> tuple[Value, tuple[DataId, ...]]:
        lineage: tuple[WriteId, ...] = ()
        before: tuple[DataId, ...] = ()
        if newest is not None:
            base = newest.value
            lineage = (base.write_id, *base.lineage)[:LINEAGE_MAX]
            before = base.data_ids
        if not change.live:
            return Value(self._write_id, False, lineage=lineage), ()
        introduces = tuple(i for i in change.data_ids if i not in before and i not in change.adopts)
        value = Value(
            self._write_id,
            True,
            change.summary,
            change.head,
            change.inline,
            change.data_ids,
            lineage,
        )
        return value, introduces

    def _report_replaced(self, ballot: Ballot, value: Value, change: Change, taken: Taken) -> None:
        doubtful: set[DataId] = set()
        if change.released is not None:
            certain = set(change.released)
        else:
            before = self._previous.data_ids if self._previous is not None else ()
            certain = set(before).difference(value.data_ids)
            doubtful = taken.replaced.difference(before, value.data_ids)
        if not certain and not doubtful:
            return
        self._proposer.on_replaced(self._spot, ballot, certain, doubtful)

    async def _finish_applied(self, prepared: Prepared) -> Outcome:
        """The write, or one built on it, is on top: make that chosen and report success."""
        spot = self._spot
        newest = prepared.newest
        assert newest is not None
        try:
            await self._proposer.accept(spot, prepared, newest.value, completes=True)
        except Lost as lost:
            raise OutcomeUnknown("The write may or may not become visible.", key=spot.key) from lost
        self._chosen()
        value = self._last_sent
        assert value is not None
        previous = self._previous if self._previous is not None and self._previous.live else None
        return Outcome(prepared.ballot, True, value if value.live else None, previous)

    async def _settle(self, prepared: Prepared) -> None:
        """Before an answer that depends on the newest record: make sure that record is chosen."""
        self._park(but=prepared.ballot)
        try:
            await self._proposer.settle(self._spot, prepared)
        except Lost as lost:
            raise self._given_up(quorum_lost(lost, self._spot)) from lost
        self._open.clear()

    def _chosen(self) -> None:
        """A value at the newest of our ballots is chosen: all of them are closed."""
        for ballot in self._open:
            self._proposer.ballots.close(self._spot.on.index, ballot)
        self._open.clear()
        if self._proposer.unresolved:
            self._proposer.close_all(self._spot)

    def _close(self, ballot: Ballot) -> None:
        self._open.remove(ballot)
        self._proposer.ballots.close(self._spot.on.index, ballot)

    def _park(self, but: Ballot | None = None) -> None:
        """Hand ballots with unknown outcome to the key's list of unresolved ones."""
        parked = [ballot for ballot in self._open if ballot != but]
        if parked:
            where = (self._spot.on.index, self._spot.key)
            self._proposer.unresolved.setdefault(where, []).extend(parked)

    def leave_unresolved(self) -> None:
        """What is still open when the write ends is completed in the background."""
        index = self._spot.on.index
        still = [b for b in self._open if self._proposer.ballots.is_open(index, b)]
        where = (index, self._spot.key)
        if self._last_sent is None and where not in self._proposer.unresolved:
            for ballot in still:
                self._proposer.ballots.close(index, ballot)
            return
        if still:
            held = self._proposer.unresolved.setdefault(where, [])
            held.extend(b for b in still if b not in held)
        if where in self._proposer.unresolved:
            self._proposer.on_unresolved(self._spot)
