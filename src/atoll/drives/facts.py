"""What an acceptor must never forget, besides records: floor, horizon, seals, watermarks, rebuild
state.

Owns      the FACTS table of a drive's store and its picture in memory.
Layout    docs/formats/drive-facts.md; rows are encoded by core.formats.drive_fact.
Invariant the floor in memory never runs ahead of the store: `plan_floor` gives puts, the acceptor
          moves memory when they are durable. Seals and the horizon bind from the moment they are
          asked for, because they only ever refuse.
"""

from __future__ import annotations

from typing import Final, assert_never

import msgspec

from atoll.base.ids import BALLOT_ZERO, Ballot
from atoll.core.formats.drive_fact import (
    Copied,
    Epoch,
    Fact,
    Floor,
    Horizon,
    Owner,
    Seal,
    Watermark,
    decode_fact,
    encode_fact,
)
from atoll.core.quorum.messages import SealMark
from atoll.drives.kv import OrderedKv, Put, Table

#: A proposer that died leaves one watermark per set; older ones only save counting, so they may go.
WATERMARKS_MAX: Final = 4096


class SealFact(msgspec.Struct, frozen=True):
    """A seal: keys that saw an owner epoch ≤ `epoch` may not become live."""

    epoch: int
    lifted: bool


class Facts:
    """The facts of one drive."""

    def __init__(self) -> None:
        #: Every ballot clock at or below it may have been promised.
        self.floor = 0
        #: Every ballot at or below it counts as promised for keys without a record.
        self.horizon: Ballot = BALLOT_ZERO
        self.epoch = 0
        #: Id of the drive whose promises these are; empty in a database that was never used.
        self.owner = ""
        self.seals: dict[tuple[int, bytes], SealFact] = {}
        #: (set, proposer) → settled watermark.
        self.watermarks: dict[tuple[int, int], int] = {}
        self._stored_watermarks: dict[tuple[int, int], int] = {}
        #: Set → first key that is not copied yet; a set that is not in here is whole.
        self.copied_until: dict[int, bytes] = {}

    @classmethod
    def load(cls, kv: OrderedKv) -> Facts:
        """Read all facts of a store.

        Raises
            RecordCorrupt: a fact is damaged.
            FormatUnknown: a later version wrote one.
        """
        facts = cls()
        for key, value in kv.iterate(Table.FACTS, b"", b"\xff"):
            facts._take(decode_fact(key, value))
        return facts

    def _take(self, fact: Fact) -> None:
        match fact:
            case Floor(clock):
                self.floor = clock
            case Horizon(ballot):
                self.horizon = ballot
            case Epoch(epoch):
                self.epoch = epoch
            case Owner(drive_id):
                self.owner = drive_id
            case Seal(set_index, prefix, epoch, lifted):
                self.seals[(set_index, prefix)] = SealFact(epoch, lifted)
            case Watermark(set_index, proposer, clock):
                where = (set_index, proposer)
                self.watermarks[where] = self._stored_watermarks[where] = clock
            case Copied(set_index, until):
                self.copied_until[set_index] = until
            case _:
                assert_never(fact)

    def note_watermark(self, set_index: int, proposer: int, watermark: int) -> None:
        """Remember a proposer's watermark; it never falls."""
        where = (set_index, proposer)
        if watermark > self.watermarks.get(where, -1):
            self.watermarks[where] = watermark

    def plan_floor(self, floor: int) -> list[Put]:
        """Return the puts that raise the floor, with the watermarks that moved since the last
        raise."""
        return [_set(Floor(floor)), *self.plan_watermarks()]

    def plan_watermarks(self) -> list[Put]:
        """Return puts for watermarks that moved since they were last stored, and for those to
        forget."""
        puts = []
        for where, watermark in self.watermarks.items():
            if self._stored_watermarks.get(where) != watermark:
                self._stored_watermarks[where] = watermark
                puts.append(_set(Watermark(*where, watermark)))
        while len(self.watermarks) > WATERMARKS_MAX:
            oldest = min(self.watermarks, key=self.watermarks.__getitem__)
            del self.watermarks[oldest]
            self._stored_watermarks.pop(oldest, None)
            puts.append(_remove(Watermark(*oldest, 0)))
        return puts

    def plan_horizon(self, horizon: Ballot) -> list[Put]:
        """Return the put that raises the horizon."""
        return [_set(Horizon(horizon))]

    def plan_epoch(self, epoch: int) -> list[Put]:
        """Return the put that stores the map epoch."""
        return [_set(Epoch(epoch))]

    def plan_owner(self, owner: str) -> list[Put]:
        """Return the put that says whose database this is."""
        return [_set(Owner(owner))]

    def plan_copied(self, set_index: int, until: bytes) -> list[Put]:
        """Return the put that moves the rebuild of a set on; an empty `until` ends it."""
        copied = Copied(set_index, until)
        return [_set(copied) if until else _remove(copied)]

    def impose_seal(self, set_index: int, mark: SealMark) -> list[Put]:
        """Put a seal in force, or leave the one held where that is higher; return its puts."""
        where = (set_index, mark.prefix)
        held = self.seals.get(where)
        asked = SealFact(mark.epoch, mark.lifted)
        if held is not None and (held.epoch, held.lifted) > (asked.epoch, asked.lifted):
            # Stored once more: it may be on its way still, or its commit found no room.
            asked = held
        # In force before it is durable: an accept that slipped in between would not be seen by the
        # scan.
        self.seals[where] = asked
        return [_set(Seal(set_index, mark.prefix, asked.epoch, asked.lifted))]

    def seals_of(self, set_index: int) -> tuple[SealMark, ...]:
        """Return the seals on a set."""
        return tuple(
            SealMark(prefix, seal.epoch, seal.lifted)
            for (index, prefix), seal in self.seals.items()
            if index == set_index
        )

    def goes_on(self, set_index: int, until: bytes) -> bool:
        """Return whether a set copied up to `until` is copied further than before."""
        before = self.copied_until.get(set_index)
        return before is not None and (not until or until > before)

    def votes_on(self, set_index: int, key: bytes) -> bool:
        """Return whether the drive holds what it must know to vote on `key`."""
        until = self.copied_until.get(set_index)
        return until is None or key < until


def _set(fact: Fact) -> Put:
    return Put(Table.FACTS, *encode_fact(fact))


def _remove(fact: Fact) -> Put:
    return Put(Table.FACTS, encode_fact(fact)[0], None)
