"""Rounds of the register protocol on one key: prepare, accept, look, complete.

Owns      the proposer's half of CASPaxos with flexible quorums: every value that is accepted
          anywhere goes through `accept`.
Invariant an accept at ballot b is sent only for the value decided from the newest record of a
          prepare at b.
Invariant a ballot at which an accept was sent is closed only when a value at it or above is known
          chosen.
Invariant both rounds run in one map epoch: promises of a drive that was replaced in between are
          worth nothing, and the accept is refused as stale by those who know of it.
Once      a write carries one write id through all its retries; a retry first looks whether the id
          is already on top or in the lineage (docs/design/registers.md, "Unknown outcome").
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import msgspec

from atoll.base.errors import (
    BucketNotFound,
    Contended,
    DriveFull,
    QuorumLost,
    Throttled,
)
from atoll.base.ids import Ballot, DataId, DriveId, WriteId, ballot_clock, ballot_proposer
from atoll.core.formats.register_record import encode_record, store_key
from atoll.core.quorum.fold import Outcome as RoundOutcome
from atoll.core.quorum.messages import (
    Accept,
    Accepted,
    Detail,
    Prepare,
    Promise,
    Read,
    Record,
    Refusal,
    Refused,
    Shown,
    Stamp,
    Value,
)
from atoll.registers.ballots import Ballots
from atoll.registers.fan_out import Round
from atoll.registers.members import Members, Spot
from atoll.registers.settings import RegisterRules, RegisterSettings


class Prepared(msgspec.Struct):
    """A ballot held on a read quorum, and the newest record it met."""

    ballot: Ballot
    #: The map epoch the promises were asked in.
    epoch: int
    newest: Record | None
    #: The newest record is known chosen, judged by watermarks held before the prepare was sent.
    is_settled: bool


class Taken(msgspec.Struct):
    """An accept that reached its quorum. `replaced` are data ids that drives say they no longer
    name."""

    replaced: set[DataId]


class Lost(Exception):  # noqa: N818 (a signal inside this package, never raised to callers)
    """A round did not reach its quorum. `refused`: by a higher ballot; `sealed`: by a seal, on
    `sealed_count` drives."""

    def __init__(self, round_: Round[Promise | Refused] | Round[Accepted | Refused]) -> None:
        super().__init__()
        reasons = [refusal.reason for _, refusal in round_.noes if isinstance(refusal, Refused)]
        self.refused = Refusal.BALLOT in reasons
        self.sealed = Refusal.SEALED in reasons
        self.sealed_count = reasons.count(Refusal.SEALED)
        #: Calls whose drive had no room and took nothing.
        self.full = [index for index, exc in round_.faults if isinstance(exc, DriveFull)]
        self.needed = round_.needed
        self.reached = len(round_.oks)
        self.causes = round_.causes()


class Proposer:
    """Rounds for the keys of all sets, by one proposer id."""

    def __init__(
        self,
        members: Members,
        ballots: Ballots,
        settings: RegisterSettings,
        rules: RegisterRules,
    ) -> None:
        self.members = members
        self.ballots = ballots
        self.settings = settings
        self.rules = rules
        self._writes = 0
        #: Watermarks of other proposers: (set, proposer) → clock. Replaced, never changed, so that
        #: a reader keeps what was known when it began.
        self.marks: dict[tuple[int, int], int] = {}
        #: Keys with ballots whose outcome is unknown: (set, key) → ballots.
        self.unresolved: dict[tuple[int, bytes], list[Ballot]] = {}
        self.on_unresolved: Callable[[Spot], None] = lambda spot: None
        #: Told when an accept is chosen but some drive does not hold it.
        self.on_degraded: Callable[[Spot], None] = lambda spot: None
        #: Told which data ids a chosen value no longer names: (spot, ballot, certain, doubtful).
        self.on_replaced: Callable[[Spot, Ballot, set[DataId], set[DataId]], None] = (
            lambda spot, ballot, certain, doubtful: None
        )

    # ── writes ─────────────────────────────────────────────────────────────────────────────────

    def new_write_id(self) -> WriteId:
        """Return an id no other write ever has: the proposer id is random, the counter never
        repeats."""
        self._writes += 1
        return WriteId(self.ballots.proposer.to_bytes(8, "big") + self._writes.to_bytes(8, "big"))

    async def prepare(
        self, spot: Spot, ballot: Ballot, *, ahead: Sequence[DriveId] = ()
    ) -> Prepared:
        """Hold `ballot` on a read quorum, asking the drives `ahead` before all others.

        Raises
            Lost: refused, or too few drives answered.
        """
        on, members = spot.on, self.members
        marks = self.marks
        own_mark = self.own_mark(on.index)
        stamp = self.stamp(on.index)
        request = Prepare(on.index, spot.key, ballot, stamp, Detail.WHOLE)
        # Inline bytes come from one drive; from the others it is enough to know that they agree.
        brief = Prepare(on.index, spot.key, ballot, stamp, Detail.HEAD)
        needed = self.read_quorum(spot)
        order = members.ordered(on, spot.key)
        if ahead:
            order = (*ahead, *(drive_id for drive_id in order if drive_id not in ahead))
        starts = [partial(_prepare, members, drive_id, brief) for drive_id in order]
        starts[0] = partial(_prepare, members, order[0], request)
        round_: Round[Promise | Refused] = Round(starts, needed=needed, is_ok=_is_promise)
        settings = self.settings
        outcome = await round_.run(
            first=needed, deadline_s=settings.round_s, hedge_s=settings.hedge_s
        )
        self._observe(round_.noes)
        if outcome is not RoundOutcome.REACHED:
            raise Lost(round_)
        newest, holders, is_whole, learned = _fold_promises(on.index, round_, order)
        if newest is not None and not is_whole:
            newest = await self.fetch_whole(spot, newest, holders)
        if not self.rules.watermark_is_taken_before:
            self.learn(learned)
            marks = self.marks
        settled = newest is None or self.is_settled(on.index, newest.ballot, marks, own_mark)
        self.learn(learned)
        if newest is not None:
            self.ballots.observe(newest.ballot)
        return Prepared(ballot, stamp.epoch, newest, settled)

    async def fetch_whole(self, spot: Spot, newest: Record, holders: list[DriveId]) -> Record:
        """Return a record with its inline bytes, from drives that showed its head.

        Raises
            QuorumLost: none of them holds what that write left any more; try again.
        """
        stamp = self.stamp(spot.on.index)
        request = Read(spot.on.index, spot.key, stamp, Detail.WHOLE)
        starts = [partial(_read, self.members, drive_id, request) for drive_id in holders]
        left_by = newest.value.write_id
        round_: Round[Shown] = Round(
            starts,
            needed=1,
            is_ok=lambda shown: shown.record is not None and shown.record.value.write_id == left_by,
        )
        await round_.run(first=1, deadline_s=self.settings.round_s)
        for _, shown in round_.oks:
            assert shown.record is not None
            # Perhaps from a higher ballot by now: whoever completed the write left it as it was.
            return Record(newest.ballot, shown.record.value)
        raise QuorumLost(
            "The newest record could not be read whole.",
            needed=1,
            reached=0,
            causes=round_.causes(),
            set_index=spot.on.index,
        )

    async def accept(
        self,
        spot: Spot,
        prepared: Prepared,
        value: Value,
        *,
        seal_epoch: int = 0,
        introduces: tuple[DataId, ...] = (),
        completes: bool = False,
    ) -> Taken:
        """Store `value` at the prepared ballot on a write quorum, and on the others as they answer.

        Raises
            Lost: the outcome is unknown unless no drive took it.
        """
        on, members, ballot = spot.on, self.members, prepared.ballot
        request = Accept(
            on.index,
            spot.key,
            ballot,
            value,
            self.stamp(on.index, prepared.epoch),
            seal_epoch,
            completes,
            introduces,
            encode_record(store_key(on.index, spot.key), Record(ballot, value)),
        )
        round_: Round[Accepted | Refused] = Round(
            [partial(_accept, members, drive_id, request) for drive_id in on.drives],
            needed=on.quorums.write,
            is_ok=_is_accepted,
            on_complete=lambda done: self._stragglers(spot, done),
        )
        outcome = await round_.run(first=len(on.drives), deadline_s=self.settings.round_s)
        self._observe(round_.noes)
        if outcome is not RoundOutcome.REACHED:
            raise Lost(round_)
        replaced: set[DataId] = set()
        for _, answer in round_.oks:
            if isinstance(answer, Accepted) and answer.replaced:
                replaced.update(answer.replaced)
        return Taken(replaced)

    def _stragglers(self, spot: Spot, done: Round[Accepted | Refused]) -> None:
        if done.outcome is RoundOutcome.REACHED and len(done.oks) < len(spot.on.drives):
            self.on_degraded(spot)

    # ── completion ─────────────────────────────────────────────────────────────────────────────

    async def complete(self, spot: Spot, *, kill_sealed: bool = False) -> Record | None:
        """Make the newest record of a key chosen at a fresh ballot, and return it.

        A key without any record on a read quorum gets a tombstone if a ballot of ours is open on
        it. With `kill_sealed`, so does one whose value a seal keeps from being completed, if the
        value cannot have been chosen.

        Raises
            QuorumLost, Contended: could not be completed now.
            BucketNotFound: a seal keeps the value from being completed.
        """
        where = (spot.on.index, spot.key)
        doomed: WriteId | None = None
        for attempt in range(8):
            ballot = self.ballots.issue(spot.on.index)
            try:
                prepared = await self.prepare(spot, ballot)
            except Lost as lost:
                self.ballots.close(spot.on.index, ballot)
                if not lost.refused:
                    raise quorum_lost(lost, spot) from lost
                await self.back_off(attempt)
                continue
            except BaseException:
                self.ballots.close(spot.on.index, ballot)
                raise
            try:
                return await self.settle(spot, prepared, doomed=doomed)
            except Lost as lost:
                if lost.sealed:
                    if not kill_sealed or not _is_unchosen(spot, lost):
                        raise BucketNotFound("The owner of this key is being removed.") from lost
                    assert prepared.newest is not None, "a tombstone is refused by no seal"
                    # At the next ballot: at this one some drives have taken the value.
                    doomed = prepared.newest.value.write_id
                    continue
                if not lost.refused:
                    raise quorum_lost(lost, spot) from lost
                await self.back_off(attempt)
            finally:
                self._note_if_open(where, ballot, spot)
        raise Contended("Other writers kept winning this key.", key=spot.key)

    async def settle(
        self, spot: Spot, prepared: Prepared, *, doomed: WriteId | None = None
    ) -> Record | None:
        """Make what a prepare met chosen, at the prepared ballot, unless it is settled already.

        If that is the value with the write id `doomed`, a tombstone takes its place.
        Closes the ballot, and all unresolved ballots of the key, when it succeeds.
        """
        newest = prepared.newest
        where = (spot.on.index, spot.key)
        # A key listed as unresolved, even without ballots, is written again whatever is known of
        # it.
        must_outbid = where in self.unresolved
        if (prepared.is_settled or not self.rules.readers_write_back) and not must_outbid:
            self.ballots.close(spot.on.index, prepared.ballot)
            return newest
        value = newest.value if newest is not None else None
        if value is None or value.write_id == doomed:
            lineage = value.lineage if value is not None else ()
            value = Value(self.new_write_id(), False, lineage=lineage)
        # From here on the ballot is at drives; it stays open unless the accept is chosen.
        self.unresolved.setdefault(where, []).append(prepared.ballot)
        await self.accept(spot, prepared, value, completes=True)
        self.close_all(spot)
        return Record(prepared.ballot, value)

    def check_load(self, spot: Spot) -> None:
        """Refuse work that could leave one more ballot open. The resolver does not ask.

        Raises
            Throttled: ballots of unknown outcome have piled up to the limit.
        """
        limit = self.settings.open_ballots_max
        if self.ballots.open_count(spot.on.index) >= limit:
            raise Throttled("Too many writes wait for drives to decide them.", limit=limit)

    def close_all(self, spot: Spot) -> None:
        """A value above all of the key's unresolved ballots was chosen."""
        for ballot in self.unresolved.pop((spot.on.index, spot.key), ()):
            self.ballots.close(spot.on.index, ballot)

    def _note_if_open(self, where: tuple[int, bytes], ballot: Ballot, spot: Spot) -> None:
        if self.ballots.is_open(spot.on.index, ballot):
            held = self.unresolved.setdefault(where, [])
            if ballot not in held:
                held.append(ballot)
            self.on_unresolved(spot)

    # ── watermarks ─────────────────────────────────────────────────────────────────────────────

    def own_mark(self, set_index: int) -> int:
        """Return this proposer's settled watermark as it is now."""
        if not self.rules.watermark_waits_for_open:
            return self.ballots.now()
        return self.ballots.watermark(set_index)

    def stamp(self, set_index: int, epoch: int | None = None) -> Stamp:
        """Return the stamp of a message sent now; `epoch` when its operation began earlier."""
        if epoch is None or not self.rules.rounds_share_epoch:
            epoch = self.members.map.epoch
        return Stamp(epoch, self.ballots.proposer, self.own_mark(set_index))

    def is_settled(
        self, set_index: int, ballot: Ballot, marks: dict[tuple[int, int], int], own_mark: int
    ) -> bool:
        """Return whether the newest record of a read quorum at `ballot` is chosen, by the marks
        given."""
        proposer = ballot_proposer(ballot)
        if proposer == self.ballots.proposer:
            return ballot_clock(ballot) <= own_mark
        return ballot_clock(ballot) <= marks.get((set_index, proposer), 0)

    def learn(self, marks: dict[tuple[int, int], int]) -> None:
        """Keep watermarks that came with answers, for reads that begin later."""
        known = self.marks
        newer = {where: mark for where, mark in marks.items() if mark > known.get(where, 0)}
        if newer:
            self.marks = {**known, **newer}

    def read_quorum(self, spot: Spot) -> int:
        """Return Q1."""
        read = spot.on.quorums.read
        return read if self.rules.read_quorum_is_whole else max(1, read - 1)

    async def back_off(self, attempt: int) -> None:
        """Wait before another ballot; doubles, bounded, spread by the proposer's own numbers."""
        settings = self.settings
        spread = 0.5 + (self.ballots.now() * 2654435761 % 1024) / 1024
        await asyncio.sleep(min(settings.backoff_s * 2**attempt, settings.backoff_max_s) * spread)

    def _observe(
        self, noes: list[tuple[int, Promise | Refused]] | list[tuple[int, Accepted | Refused]]
    ) -> None:
        for _, refusal in noes:
            if isinstance(refusal, Refused):
                self.ballots.observe(refusal.ballot)


def _fold_promises(
    set_index: int, round_: Round[Promise | Refused], order: tuple[DriveId, ...]
) -> tuple[Record | None, list[DriveId], bool, dict[tuple[int, int], int]]:
    """Return the newest record promised on, who holds it, whether it is whole, and watermarks."""
    newest: Record | None = None
    learned: dict[tuple[int, int], int] = {}
    holders: list[DriveId] = []
    is_whole = True
    for index, promise in round_.oks:
        assert isinstance(promise, Promise)
        record = promise.record
        if record is None:
            continue
        learned[(set_index, ballot_proposer(record.ballot))] = promise.watermark
        if newest is None or record.ballot > newest.ballot:
            newest, holders, is_whole = record, [order[index]], index == 0
        elif record.ballot == newest.ballot:
            holders.append(order[index])
            if index == 0:
                newest, is_whole = record, True
    return newest, holders, is_whole, learned


def _is_unchosen(spot: Spot, lost: Lost) -> bool:
    """Return whether the value of a round that a seal refused cannot have been chosen.

    A drive refuses for a seal where it holds no live value; too many of them leave no write quorum.
    """
    return lost.sealed_count > len(spot.on.drives) - spot.on.quorums.write


def quorum_lost(lost: Lost, spot: Spot) -> QuorumLost:
    """Return the error for callers."""
    return QuorumLost(
        "Too few drives answered.",
        needed=lost.needed,
        reached=lost.reached,
        causes=lost.causes,
        set_index=spot.on.index,
    )


def _prepare(members: Members, drive_id: DriveId, request: Prepare) -> Awaitable[Promise | Refused]:
    return members.drive(drive_id).prepare(request)


def _read(members: Members, drive_id: DriveId, request: Read) -> Awaitable[Shown]:
    return members.drive(drive_id).read(request)


def _accept(members: Members, drive_id: DriveId, request: Accept) -> Awaitable[Accepted | Refused]:
    return members.drive(drive_id).accept(request)


def _is_promise(answer: Promise | Refused) -> bool:
    return isinstance(answer, Promise)


def _is_accepted(answer: Accepted | Refused) -> bool:
    return isinstance(answer, Accepted)
