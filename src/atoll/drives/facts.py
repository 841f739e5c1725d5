"""What an acceptor must never forget, besides records: floor, horizon, seals, watermarks, rebuild
state.

Owns      the FACTS table of a drive's store and its picture in memory.
Layout    docs/formats/drive-facts.md: one byte of kind, then the key's fields, big-endian.
Invariant memory never runs ahead of the store for floor and horizon: `raise_…` gives puts,
          `…_is_durable` moves memory.
"""

from __future__ import annotations

import struct
from typing import Final

import msgspec

from atoll.base.errors import RecordCorrupt
from atoll.base.ids import BALLOT_ZERO, Ballot
from atoll.drives.kv import OrderedKv, Put, Table

_FLOOR: Final = b"f"
_HORIZON: Final = b"h"
_SEAL: Final = b"s"
_WATERMARK: Final = b"w"
_COPIED: Final = b"c"
_EPOCH: Final = b"e"
_OWNER: Final = b"o"
_SET: Final = struct.Struct(">H")
_SET_PROPOSER: Final = struct.Struct(">HQ")
_U64: Final = struct.Struct(">Q")
_SEAL_VALUE: Final = struct.Struct(">QB")

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
            RecordCorrupt: a fact has a wrong length or an unknown kind.
        """
        facts = cls()
        for key, value in kv.iterate(Table.FACTS, b"", b"\xff"):
            try:
                facts._take(key, value)
            except (struct.error, IndexError) as exc:
                raise RecordCorrupt("A drive fact has a wrong length.", key=key) from exc
        return facts

    def _take(self, key: bytes, value: bytes) -> None:
        kind, rest = key[:1], key[1:]
        match kind:
            case b"f":
                self.floor = _U64.unpack(value)[0]
            case b"h":
                self.horizon = Ballot(value)
            case b"e":
                self.epoch = _U64.unpack(value)[0]
            case b"o":
                self.owner = value.decode("ascii", "replace")
            case b"s":
                epoch, lifted = _SEAL_VALUE.unpack(value)
                self.seals[(_SET.unpack(rest[:2])[0], rest[2:])] = SealFact(epoch, bool(lifted))
            case b"w":
                where = _SET_PROPOSER.unpack(rest)
                self.watermarks[where] = self._stored_watermarks[where] = _U64.unpack(value)[0]
            case b"c":
                self.copied_until[_SET.unpack(rest)[0]] = value
            case _:
                raise RecordCorrupt("A drive fact has an unknown kind.", key=key)

    def note_watermark(self, set_index: int, proposer: int, watermark: int) -> None:
        """Remember a proposer's watermark; it never falls."""
        where = (set_index, proposer)
        if watermark > self.watermarks.get(where, -1):
            self.watermarks[where] = watermark

    def plan_floor(self, floor: int) -> list[Put]:
        """Return the puts that raise the floor, with the watermarks that moved since the last
        raise."""
        puts = [Put(Table.FACTS, _FLOOR, _U64.pack(floor))]
        return puts + self.plan_watermarks()

    def plan_watermarks(self) -> list[Put]:
        """Return puts for watermarks that moved since they were last stored, and for those to
        forget."""
        puts = []
        for where, watermark in self.watermarks.items():
            if self._stored_watermarks.get(where) != watermark:
                self._stored_watermarks[where] = watermark
                key = _WATERMARK + _SET_PROPOSER.pack(*where)
                puts.append(Put(Table.FACTS, key, _U64.pack(watermark)))
        while len(self.watermarks) > WATERMARKS_MAX:
            oldest = min(self.watermarks, key=self.watermarks.__getitem__)
            del self.watermarks[oldest]
            self._stored_watermarks.pop(oldest, None)
            puts.append(Put(Table.FACTS, _WATERMARK + _SET_PROPOSER.pack(*oldest), None))
        return puts

    def plan_horizon(self, horizon: Ballot) -> list[Put]:
        """Return the put that raises the horizon."""
        return [Put(Table.FACTS, _HORIZON, horizon)]

    def plan_epoch(self, epoch: int) -> list[Put]:
        """Return the put that stores the map epoch."""
        return [Put(Table.FACTS, _EPOCH, _U64.pack(epoch))]

    def plan_owner(self, owner: str) -> list[Put]:
        """Return the put that says whose database this is."""
        return [Put(Table.FACTS, _OWNER, owner.encode("ascii"))]

    def plan_seal(self, set_index: int, prefix: bytes, seal: SealFact) -> list[Put]:
        """Return the put that stores a seal."""
        key = _SEAL + _SET.pack(set_index) + prefix
        return [Put(Table.FACTS, key, _SEAL_VALUE.pack(seal.epoch, seal.lifted))]

    def plan_copied(self, set_index: int, until: bytes) -> list[Put]:
        """Return the put that moves the rebuild of a set on; an empty `until` ends it."""
        return [Put(Table.FACTS, _COPIED + _SET.pack(set_index), until or None)]

    def votes_on(self, set_index: int, key: bytes) -> bool:
        """Return whether the drive holds what it must know to vote on `key`."""
        until = self.copied_until.get(set_index)
        return until is None or key < until
