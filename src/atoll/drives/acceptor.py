"""The register acceptor of one drive: promises, accepted records, floor, horizon, seals.

Owns      every decision of one replica; the rules are in docs/design/registers.md.
Does not  know drives, shards, sets or what a head means.
Invariant nothing is shown or acknowledged that a power cut can take back, except promises, which
          the floor covers: after a restart every ballot ≤ floor counts as promised.
Order     calls on one key take effect in the order they are made; an accept that is queued for
          sync is in effect for later accepts, and a prepare of its key waits for it.
Tasks     all calls and callbacks run on the event loop; `commit.run` is the only task.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from atoll.base.clock import Clock
from atoll.base.errors import (
    DriveBlank,
    DriveFault,
    DriveFull,
    EpochStale,
    RecordCorrupt,
    RecordUnreadable,
    StoreError,
)
from atoll.base.ids import (
    BALLOT_ZERO,
    CLOCK_COUNTER_BITS,
    Ballot,
    ballot_clock,
    ballot_proposer,
    clock_from_ms,
    make_ballot,
)
from atoll.base.reply import Reply, copy_answer, resolve
from atoll.base.units import NS_PER_MS
from atoll.core.formats.register_record import encode_record, store_key
from atoll.core.quorum.messages import (
    Accept,
    Accepted,
    Detail,
    Drop,
    Free,
    Page,
    Prepare,
    Promise,
    Read,
    Record,
    Refusal,
    Refused,
    Restore,
    Scan,
    Seal,
    SealMark,
    Shown,
    Stamp,
    Value,
)
from atoll.drives.contract import NOTHING_COPIED
from atoll.drives.facts import Facts
from atoll.drives.group_commit import GroupCommit, OnDurable
from atoll.drives.kv import OrderedKv, Put, Table
from atoll.drives.records import StoredRecords
from atoll.drives.rules import AcceptorRules as AcceptorRules
from atoll.drives.scanner import scan_rows
from atoll.drives.unreadable import UnreadableRecords

#: How far a raise puts the floor ahead of the ballot that asks for it: one synced write per second.
FLOOR_AHEAD: Final = 2000 << CLOCK_COUNTER_BITS
#: When less than this is left, the next batch carries a raise.
FLOOR_LOW: Final = 1000 << CLOCK_COUNTER_BITS
#: A ballot further ahead of this drive's clock comes from a broken clock and would block the key.
FUTURE_MAX: Final = (2 * 3600 * 1000) << CLOCK_COUNTER_BITS
#: An original accept may not name data begun longer ago: the orphan scan may be about to remove it.
DATA_AGE_MAX: Final = (24 * 3600 * 1000) << CLOCK_COUNTER_BITS
#: Decoded records kept per drive.
RECENT_BYTES_MAX: Final = 8 << 20
PROPOSER_LAST: Final = (1 << 64) - 1
SEAL_PREFIX_BYTES: Final = 10


class _Pending(msgspec.Struct):
    """An accept that waits for its sync."""

    record: Record
    answer: Reply[Accepted | Refused]
    replaced: tuple[bytes, ...]


class Acceptor:
    """One replica of every register of a drive."""

    def __init__(
        self,
        kv: OrderedKv,
        clock: Clock,
        *,
        has_room: Callable[[], bool] = lambda: True,
        promises_max: int = 16_384,
        recent_bytes_max: int = RECENT_BYTES_MAX,
        rules: AcceptorRules | None = None,
    ) -> None:
        self._kv = kv
        self._clock = clock
        self._has_room = has_room
        #: Whether a value that some drive holds already may be completed on a full drive.
        self.may_complete: Callable[[], bool] = lambda: True
        self._promises_max = promises_max
        self._rules = rules or AcceptorRules()
        self._records = StoredRecords(kv, recent_bytes_max)
        self.commit = GroupCommit(kv)
        self.commit.passenger = self._raise_floor_early
        self.facts = Facts.load(kv)
        #: Highest promise per key, of keys whose promise is above what their record implies.
        self._promised: dict[bytes, Ballot] = {}
        #: Every ballot at or below it counts as promised for every key: floor at start, then
        #: evictions.
        self._least: Ballot = BALLOT_ZERO
        if self._rules.promises_survive_restart and self.facts.floor:
            self._least = make_ballot(self.facts.floor, PROPOSER_LAST)
        self._floor_wanted = self.facts.floor
        #: The last raise found no room: what was wanted is not what holds.
        self._floor_failed = False
        self._highest_seen = 0
        self._pending: dict[bytes, _Pending] = {}
        self._unreadable = UnreadableRecords()
        #: Told about records whose checksum failed: (set index, key).
        self.on_corrupt: Callable[[int, bytes], None] = lambda set_index, key: None
        self.accept_count = 0
        self.refusal_count = 0

    # ── prepare ────────────────────────────────────────────────────────────────────────────────

    def prepare(self, request: Prepare) -> Reply[Promise | Refused]:
        """Promise `request.ballot`, and show the newest durable record."""
        answer: Reply[Promise | Refused] = Reply()
        self._prepare(request, store_key(request.set_index, request.key), answer)
        return answer

    def _prepare(self, request: Prepare, stored: bytes, answer: Reply[Promise | Refused]) -> None:
        if answer.done():
            return
        pending = self._pending.get(stored)
        if pending is not None and self._rules.prepare_waits_for_sync:
            pending.answer.add_done_callback(lambda _: self._prepare(request, stored, answer))
            return
        try:
            self._check(request.stamp, request.set_index, request.key)
            record = self._records.load(stored, request.detail)
        except StoreError as exc:
            answer.set_exception(self._as_fault(exc, request.set_index, request.key))
            return
        ballot = request.ballot
        refused = self._refuse_ballot(stored, record, ballot)
        if refused is not None:
            self.refusal_count += 1
            answer.set_result(refused)
            return
        clock = ballot_clock(ballot)
        if clock > self.facts.floor:
            self._raise_floor(clock, lambda: self._prepare(request, stored, answer), answer)
            return
        self._highest_seen = max(self._highest_seen, clock)
        self._promise(stored, ballot)
        answer.set_result(Promise(record, self._watermark_of(request.set_index, record)))

    def _refuse_ballot(
        self, stored: bytes, record: Record | None, ballot: Ballot
    ) -> Refused | None:
        clock = ballot_clock(ballot)
        # Below the floor nothing is in the future: the floor only rises behind ballots that passed.
        if clock > self.facts.floor and clock > self._clock_now() + FUTURE_MAX:
            return Refused(Refusal.FUTURE, BALLOT_ZERO)
        promised = self._promised.get(stored, BALLOT_ZERO)
        taken = record.ballot if record is not None else self.facts.horizon
        lowest = max(taken, self._least)
        if ballot <= lowest or ballot < promised:
            return Refused(Refusal.BALLOT, max(lowest, promised))
        return None

    def _promise(self, stored: bytes, ballot: Ballot) -> None:
        promised = self._promised
        promised.pop(stored, None)
        promised[stored] = ballot
        if len(promised) > self._promises_max:
            # The older half leaves memory, and the bound takes its place. Proposers that hold one
            # of those ballots are refused and try again; nobody is told anything untrue.
            for key in list(promised)[: self._promises_max // 2]:
                self._least = max(self._least, promised.pop(key))

    # ── accept ─────────────────────────────────────────────────────────────────────────────────

    def accept(self, request: Accept) -> Reply[Accepted | Refused]:
        """Store a value at a ballot; the answer comes when it is durable."""
        answer: Reply[Accepted | Refused] = Reply()
        stored = store_key(request.set_index, request.key)
        try:
            self._check_stamp(request.stamp, request.set_index)
            pending = self._pending.get(stored)
            old = pending.record if pending is not None else self._records.load(stored, Detail.HEAD)
        except RecordCorrupt as exc:
            self._replace_unreadable(request, stored, exc, answer)
            return answer
        except StoreError as exc:
            answer.set_exception(self._as_fault(exc, request.set_index, request.key))
            return answer
        ballot = request.ballot
        if old is not None and old.ballot == ballot:
            self._answer_twin(request, old, pending, answer)
            return answer
        refused = self._refuse_ballot(stored, old, ballot) or self._refuse_value(request, old)
        if refused is not None:
            self.refusal_count += 1
            answer.set_result(refused)
        elif not self._has_room_for(request, old):
            answer.set_exception(DriveFull(key=request.key))
        else:
            self._queue_accept(request, stored, old, answer)
        return answer

    def _replace_unreadable(
        self,
        request: Accept,
        stored: bytes,
        corrupt: RecordCorrupt,
        answer: Reply[Accepted | Refused],
    ) -> None:
        """Take a value over a damaged record, at a ballot above all that binds
        (`unreadable.py`)."""
        self._as_fault(corrupt, request.set_index, request.key)
        refused = self._refuse_ballot(stored, None, request.ballot)
        bound = self._unreadable.bind(stored, self._highest_seen)
        if refused is None and request.ballot <= bound and self._rules.unreadable_records_bind:
            refused = Refused(Refusal.BALLOT, bound)
        refused = refused or self._refuse_value(request, None)
        if refused is not None:
            self.refusal_count += 1
            answer.set_result(refused)
        elif not self._has_room_for(request, None):
            answer.set_exception(DriveFull(key=request.key))
        else:
            self._queue_accept(request, stored, None, answer)

    def _answer_twin(
        self,
        request: Accept,
        old: Record,
        pending: _Pending | None,
        answer: Reply[Accepted | Refused],
    ) -> None:
        if old.value.write_id != request.value.write_id:
            answer.set_result(Refused(Refusal.TWIN, old.ballot))
        elif pending is not None:
            pending.answer.add_done_callback(lambda done: copy_answer(done, answer))
        elif self._abstains(request.set_index, request.key):
            answer.set_exception(DriveBlank(key=request.key))
        else:
            answer.set_result(Accepted())

    def _refuse_value(self, request: Accept, old: Record | None) -> Refused | None:
        value = request.value
        if value.live and (old is None or not old.value.live) and self._rules.seals_hold:
            seal = self.facts.seals.get((request.set_index, request.key[:SEAL_PREFIX_BYTES]))
            may_complete = seal is not None and seal.lifted and request.completes
            if seal is not None and seal.epoch >= request.seal_epoch and not may_complete:
                return Refused(Refusal.SEALED, BALLOT_ZERO)
        if request.introduces and not request.completes and self._rules.old_data_is_refused:
            oldest = self._clock_now() - DATA_AGE_MAX
            if any(ballot_clock(data_id) < oldest for data_id in request.introduces):
                return Refused(Refusal.OLD_DATA, BALLOT_ZERO)
        return None

    def _has_room_for(self, request: Accept, old: Record | None) -> bool:
        if self._has_room() or self._shrinks(request.value, old):
            return True
        # Without it, what a crash or a full drive left undecided could not be read until there is
        # room again.
        return request.completes and self.may_complete()

    @staticmethod
    def _shrinks(value: Value, old: Record | None) -> bool:
        """Whether a full drive takes the value: tombstones, and what is no larger than what it
        replaces."""
        if not value.live:
            return True
        if old is None or not old.value.live:
            return False
        # Deleting one of many versions writes a smaller head; a delete marker a slightly larger
        # one.
        return len(value.head) <= len(old.value.head) + 512 and not value.inline

    def _queue_accept(
        self,
        request: Accept,
        stored: bytes,
        old: Record | None,
        answer: Reply[Accepted | Refused],
    ) -> None:
        value = request.value
        record = Record(request.ballot, value)
        encoded = request.stored or encode_record(stored, record)
        puts = [Put(Table.HEADS, stored, encoded.head)]
        was_unreadable = self._unreadable.forget(stored)
        if encoded.inline is not None or was_unreadable or (old is not None and old.value.live):
            puts.append(Put(Table.INLINE, stored, encoded.inline))
        kept = value.data_ids
        replaced = tuple(i for i in old.value.data_ids if i not in kept) if old is not None else ()
        pending = _Pending(record, answer, replaced)
        self._pending[stored] = pending
        self._highest_seen = max(self._highest_seen, ballot_clock(request.ballot))
        abstains = self._abstains(request.set_index, request.key)
        self.commit.submit(
            puts, lambda fault: self._accept_is_durable(stored, pending, abstains, fault)
        )

    def _accept_is_durable(
        self, stored: bytes, pending: _Pending, abstains: bool, fault: StoreError | None
    ) -> None:
        if self._pending.get(stored) is pending:
            del self._pending[stored]
        ballot = pending.record.ballot
        if fault is None:
            # Damage met while the accept was queued was the old record's.
            self._unreadable.forget(stored)
            self._records.put(stored, pending.record)
            if self._promised.get(stored) == ballot:
                # The record now says what the promise said.
                del self._promised[stored]
        answer = pending.answer
        if answer.done():
            return
        if fault is not None:
            answer.set_exception(fault)
        elif abstains:
            answer.set_exception(DriveBlank(key=stored[2:]))
        else:
            self.accept_count += 1
            answer.set_result(Accepted(pending.replaced))  # type: ignore[arg-type]

    # ── read, scan ─────────────────────────────────────────────────────────────────────────────

    def read(self, request: Read) -> Reply[Shown]:
        """Show the newest durable record."""
        answer: Reply[Shown] = Reply()
        try:
            self._check(request.stamp, request.set_index, request.key)
            stored = store_key(request.set_index, request.key)
            records = self._records
            load = records.load_from_medium if request.from_medium else records.load
            record = load(stored, request.detail)
            answer.set_result(Shown(record, self._watermark_of(request.set_index, record)))
        except StoreError as exc:
            answer.set_exception(self._as_fault(exc, request.set_index, request.key))
        return answer

    def scan(self, request: Scan) -> Reply[Page]:
        """Show durable records in key order."""
        answer: Reply[Page] = Reply()
        try:
            self._check(request.stamp, request.set_index, request.end)
            rows, covered = scan_rows(self._kv, request)
            proposers = {ballot_proposer(row.ballot) for row in rows}
            marks = self.facts.watermarks
            found = {p: marks.get((request.set_index, p), 0) for p in proposers}
            seals = self.facts.seals_of(request.set_index) if request.with_seals else ()
            answer.set_result(Page(rows, covered, found, seals))
        except StoreError as exc:
            answer.set_exception(self._as_fault(exc, request.set_index, request.start))
        return answer

    def may_free(self, request: Free) -> bool:
        """Return whether this drive's own record agrees that `request.data_id` is no longer
        named."""
        stored = store_key(request.set_index, request.key)
        if self.commit.fault is not None or stored in self._pending:
            return False
        try:
            record = self._records.load(stored, Detail.HEAD)
        except RecordCorrupt as exc:
            # Who cannot say what it names keeps everything.
            self._as_fault(exc, request.set_index, request.key)
            return False
        if record is None:
            return self.facts.horizon >= request.ballot
        return record.ballot >= request.ballot and request.data_id not in record.value.data_ids

    # ── seals, tombstones, rebuild ─────────────────────────────────────────────────────────────

    def seal(self, request: Seal) -> Reply[None]:
        """Store a seal, or the one held where that is higher; durable when answered."""
        answer: Reply[None] = Reply()
        try:
            self._check_stamp(request.stamp, request.set_index)
        except StoreError as exc:
            answer.set_exception(self._as_fault(exc, request.set_index, request.prefix))
            return answer
        mark = SealMark(request.prefix, request.epoch, request.lifted)
        puts = self.facts.impose_seal(request.set_index, mark)
        self.commit.submit(puts, lambda fault: resolve(answer, None, fault))
        return answer

    def drop(self, request: Drop) -> Reply[bool]:
        """Forget the tombstone at exactly `request.ballot`, behind a raised horizon."""
        answer: Reply[bool] = Reply()
        stored = store_key(request.set_index, request.key)
        try:
            self._check(request.stamp, request.set_index, request.key)
            record = self._records.load(stored, Detail.HEAD)
        except StoreError as exc:
            answer.set_exception(self._as_fault(exc, request.set_index, request.key))
            return answer
        exact = record is not None and record.ballot == request.ballot and not record.value.live
        if not exact or stored in self._pending:
            answer.set_result(record is None)
            return answer
        puts = [Put(Table.HEADS, stored, None)]
        if self._rules.tombstones_leave_horizon:
            # In force at once; durable in the commit that removes the record, also where an earlier
            # one that carried a higher horizon found no room.
            self.facts.horizon = max(self.facts.horizon, request.ballot)
            puts += self.facts.plan_horizon(self.facts.horizon)
        self.commit.submit(puts, lambda fault: self._dropped(stored, answer, fault))
        return answer

    def _dropped(self, stored: bytes, answer: Reply[bool], fault: StoreError | None) -> None:
        self._records.forget(stored)
        resolve(answer, True, fault)

    def restore(self, request: Restore) -> Reply[None]:
        """Take records of a rebuild; votes on their keys when durable.

        One that comes late takes nothing back: what was copied since stays copied.
        """
        answer: Reply[None] = Reply()
        puts: list[Put] = []
        try:
            self._check_stamp(request.stamp, request.set_index)
            for key, record in request.records:
                puts += self._plan_restore(request.set_index, key, record)
            for mark in request.seals:
                puts += self.facts.impose_seal(request.set_index, mark)
        except StoreError as exc:
            answer.set_exception(self._as_fault(exc, request.set_index, request.until))
            return answer
        if self.facts.goes_on(request.set_index, request.until):
            puts += self.facts.plan_copied(request.set_index, request.until)
        self.commit.submit(puts, lambda fault: self._restored(request, answer, fault))
        return answer

    def _plan_restore(self, set_index: int, key: bytes, record: Record) -> list[Put]:
        stored = store_key(set_index, key)
        pending = self._pending.get(stored)
        try:
            held = (
                pending.record if pending is not None else self._records.load(stored, Detail.HEAD)
            )
        except RecordCorrupt:
            # A damaged record binds a drive that votes on its key; this one never did.
            if self.facts.votes_on(set_index, key):
                raise
            held = None
        if self.facts.votes_on(set_index, key):
            # A message that comes late. A drive that votes takes records by their ballots alone.
            return []
        if held is not None and held.ballot >= record.ballot:
            return []
        self._highest_seen = max(self._highest_seen, ballot_clock(record.ballot))
        # The drive votes on the key once this is durable: an accept that comes before that must
        # not put an older record over it.
        self._promised[stored] = max(self._promised.get(stored, BALLOT_ZERO), record.ballot)
        encoded = encode_record(stored, record)
        return [
            Put(Table.HEADS, stored, encoded.head),
            Put(Table.INLINE, stored, encoded.inline),
        ]

    def _restored(self, request: Restore, answer: Reply[None], fault: StoreError | None) -> None:
        for key, record in request.records:
            stored = store_key(request.set_index, key)
            self._records.forget(stored)
            self._unreadable.forget(stored)
            if self._promised.get(stored) == record.ballot:
                del self._promised[stored]
        if fault is None and self.facts.goes_on(request.set_index, request.until):
            if request.until:
                self.facts.copied_until[request.set_index] = request.until
            else:
                self.facts.copied_until.pop(request.set_index, None)
        resolve(answer, None, fault)

    def forget_set(self, set_index: int) -> Reply[None]:
        """Begin the rebuild of a set: from now on vote on none of its keys until they are
        copied."""
        answer: Reply[None] = Reply()
        self.facts.copied_until[set_index] = NOTHING_COPIED
        puts = self.facts.plan_copied(set_index, NOTHING_COPIED)
        self.commit.submit(puts, lambda fault: resolve(answer, None, fault))
        return answer

    # ── floor ──────────────────────────────────────────────────────────────────────────────────

    def _raise_floor(
        self, clock: int, again: Callable[[], None], answer: Reply[Promise | Refused]
    ) -> None:
        floor = max(clock + FLOOR_AHEAD, self._floor_wanted)
        self._floor_wanted = floor

        def on_durable(fault: StoreError | None) -> None:
            self._floor_is_durable(floor, fault)
            if fault is None:
                again()
            elif not answer.done():
                answer.set_exception(fault)

        self.commit.submit(self.facts.plan_floor(floor), on_durable)

    def _raise_floor_early(self) -> tuple[list[Put], OnDurable] | None:
        """Carry a floor raise along with a batch when the floor is about to be reached."""
        ahead = self.facts.floor if self._floor_failed else self._floor_wanted
        if self._highest_seen == 0 or ahead - self._highest_seen > FLOOR_LOW:
            return None
        # Never below a raise that is queued: the last of a batch is what stays.
        floor = self._floor_wanted = max(self._floor_wanted, self._highest_seen + FLOOR_AHEAD)
        return self.facts.plan_floor(floor), lambda fault: self._floor_is_durable(floor, fault)

    def _floor_is_durable(self, floor: int, fault: StoreError | None) -> None:
        self._floor_failed = fault is not None
        if fault is None:
            self.facts.floor = max(self.facts.floor, floor)

    async def close(self) -> None:
        """Finish what is queued and store the watermarks, so that a restart knows what was
        settled."""
        if self.commit.fault is None:
            done: Reply[None] = Reply()
            self.commit.submit(self.facts.plan_watermarks(), lambda f: resolve(done, None, f))
            await done
            await self.commit.close()

    # ── shared ─────────────────────────────────────────────────────────────────────────────────

    def _clock_now(self) -> int:
        return clock_from_ms(self._clock.time_ns() // NS_PER_MS)

    def _check_stamp(self, stamp: Stamp, set_index: int) -> None:
        if self.commit.fault is not None:
            raise self.commit.fault
        if stamp.epoch < self.facts.epoch:
            raise EpochStale(expected=self.facts.epoch, found=stamp.epoch)
        self.facts.note_watermark(set_index, stamp.proposer, stamp.watermark)

    def _check(self, stamp: Stamp, set_index: int, key: bytes) -> None:
        self._check_stamp(stamp, set_index)
        if self._abstains(set_index, key):
            raise DriveBlank(key=key)

    def _abstains(self, set_index: int, key: bytes) -> bool:
        return self._rules.blank_drives_abstain and not self.facts.votes_on(set_index, key)

    def _watermark_of(self, set_index: int, record: Record | None) -> int:
        if record is None:
            return 0
        return self.facts.watermarks.get((set_index, ballot_proposer(record.ballot)), 0)

    def _as_fault(self, exc: StoreError, set_index: int, key: bytes) -> StoreError:
        if isinstance(exc, RecordCorrupt):
            found = exc.fields.get("key", key)
            assert isinstance(found, bytes), "a damaged record is known by its key"
            self._unreadable.bind(store_key(set_index, found), self._highest_seen)
            self.on_corrupt(set_index, found)
            return RecordUnreadable(str(exc), key=found)
        if isinstance(exc, DriveFault):
            return exc
        return DriveFault(str(exc), key=key)
