"""Messages of the register protocol: what a proposer asks of a drive and what it answers.

Every request names its set, the map epoch it was planned under, the proposer that sends it and
that proposer's settled watermark for the set: below it none of the proposer's ballots is open.
Byte strings are opaque here: what a head means is the business of the layer that wrote it.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

from atoll.base.ids import Ballot, DataId, WriteId


class Value(msgspec.Struct, frozen=True, array_like=True):
    """What a register holds at one ballot.

    `summary` is what a listing needs, `head` everything but bytes, `inline` bytes that travel with
    the value, `data_ids` the data this value names and therefore keeps alive, `lineage` the write
    ids of the values it was built on, newest first. A value that is not `live` is a tombstone and
    has only write id and lineage.
    """

    write_id: WriteId
    live: bool
    summary: bytes = b""
    head: bytes = b""
    inline: bytes = b""
    data_ids: tuple[DataId, ...] = ()
    lineage: tuple[WriteId, ...] = ()

    @property
    def size_bytes(self) -> int:
        """Return the bytes this value takes in a message, but for fixed fields."""
        return len(self.summary) + len(self.head) + len(self.inline)


class Record(msgspec.Struct, frozen=True, array_like=True):
    """A value accepted at a ballot."""

    ballot: Ballot
    value: Value


class Stamp(msgspec.Struct, frozen=True, array_like=True):
    """Who sends a message: map epoch, proposer, and its settled watermark (clock) for the set."""

    epoch: int
    proposer: int
    watermark: int


class Detail(IntEnum):
    """How much of a record an answer carries."""

    SUMMARY = 0
    HEAD = 1
    WHOLE = 2


class Prepare(msgspec.Struct, frozen=True, array_like=True):
    """Promise to refuse ballots below `ballot` for `key`, and show the newest record."""

    set_index: int
    key: bytes
    ballot: Ballot
    stamp: Stamp
    detail: Detail = Detail.WHOLE


class StoredBytes(msgspec.Struct, frozen=True, array_like=True):
    """A record as drives store it: head record and inline record (None: no inline bytes).

    Encoded once by the proposer instead of once per drive; the same bytes on every drive of a set.
    """

    head: bytes
    inline: bytes | None


class Accept(msgspec.Struct, frozen=True, array_like=True):
    """Take `value` at `ballot` unless a higher ballot was promised. Durable when answered.

    `seal_epoch` is the epoch of the owner (a bucket's incarnation) that the proposer saw; a drive
    that holds a seal at or above it for the key's prefix refuses a key that would become live.
    `completes` marks the re-accept of a value whose author is somebody else.
    """

    set_index: int
    key: bytes
    ballot: Ballot
    value: Value
    stamp: Stamp
    seal_epoch: int = 0
    completes: bool = False
    #: Data ids that this write names for the first time; refused when their clock is too old.
    introduces: tuple[DataId, ...] = ()
    #: What to store for (ballot, value); None: the drive encodes it.
    stored: StoredBytes | None = None


class Read(msgspec.Struct, frozen=True, array_like=True):
    """Show the newest record of `key`; with `from_medium` as it is stored, not as it is
    remembered."""

    set_index: int
    key: bytes
    stamp: Stamp
    detail: Detail = Detail.HEAD
    from_medium: bool = False


class Scan(msgspec.Struct, frozen=True, array_like=True):
    """Show the records of [start, end) in key order, tombstones included.

    With a `delimiter`, only the first record of each group is shown: a group is all keys that are
    equal up to and including the first delimiter found at or behind byte `group_from`; keys without
    one are their own group.
    """

    set_index: int
    start: bytes
    end: bytes
    limit: int
    stamp: Stamp
    detail: Detail = Detail.SUMMARY
    delimiter: bytes = b""
    group_from: int = 0
    #: Show the seals of the set, too.
    with_seals: bool = False


class Seal(msgspec.Struct, frozen=True, array_like=True):
    """Refuse, durably, keys under `prefix` that would become live with a seal epoch ≤ `epoch`.

    With `lifted` the owner lives on at a higher epoch: late originals are still refused, but values
    that were
    accepted before may be completed.
    """

    set_index: int
    prefix: bytes
    epoch: int
    stamp: Stamp
    lifted: bool = False


class SealMark(msgspec.Struct, frozen=True, array_like=True):
    """A seal that a drive holds on a set."""

    prefix: bytes
    epoch: int
    lifted: bool


class Free(msgspec.Struct, frozen=True, array_like=True):
    """`data_id` of `key` is named by no value from `ballot` (known chosen) on; remove its shards.

    A drive whose record of the key still names the id, or is older than `ballot`, keeps the shards.
    """

    set_index: int
    key: bytes
    data_id: DataId
    ballot: Ballot
    stamp: Stamp


class Drop(msgspec.Struct, frozen=True, array_like=True):
    """All drives of the set reported the tombstone of `key` at exactly `ballot`; forget it."""

    set_index: int
    key: bytes
    ballot: Ballot
    stamp: Stamp


class Restore(msgspec.Struct, frozen=True, array_like=True):
    """Copy records to a drive that is being rebuilt, at the ballots they were accepted at.

    Records are the newest that Q1 of the other drives hold, for all keys of the set below `until`
    that
    were not copied before. When it is durable the drive votes on keys below `until`; an empty
    `until`
    ends the rebuild of the set.
    """

    set_index: int
    records: list[tuple[bytes, Record]]
    until: bytes
    stamp: Stamp
    #: Seals that the other drives hold; without them the drive would let in what they refuse.
    seals: tuple[SealMark, ...] = ()


class Refusal(IntEnum):
    """Why an acceptor said no."""

    #: A ballot at or above the asked one was promised or accepted. `ballot` shows it.
    BALLOT = 1
    #: The prefix is sealed at or above the message's seal epoch.
    SEALED = 2
    #: The ballot's clock is too far ahead of the drive's.
    FUTURE = 3
    #: A data id older than the orphan horizon was named by an original accept.
    OLD_DATA = 4
    #: The message's map epoch is older than the drive's.
    EPOCH = 5
    #: The same ballot was accepted with another write id: a broken proposer.
    TWIN = 6


class Promise(msgspec.Struct, frozen=True, array_like=True):
    """The ballot is promised; `record` is the newest accepted record, if any.

    `watermark` is the settled watermark of the record's proposer, as this drive knows it.
    """

    record: Record | None
    watermark: int = 0


class Accepted(msgspec.Struct, frozen=True, array_like=True):
    """The value is durable here.

    `replaced` are data ids the old record named and the new does not.
    """

    replaced: tuple[DataId, ...] = ()


class Refused(msgspec.Struct, frozen=True, array_like=True):
    """The drive said no; `ballot` is the lowest ballot that could have passed it."""

    reason: Refusal
    ballot: Ballot


class Shown(msgspec.Struct, frozen=True, array_like=True):
    """Answer to Read. `watermark` belongs to the record's proposer."""

    record: Record | None
    watermark: int = 0


class Row(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One record of a scan; `body` is its summary or head, as the scan asked."""

    key: bytes
    ballot: Ballot
    live: bool
    body: bytes


class Page(msgspec.Struct, frozen=True, array_like=True):
    """Answer to Scan.

    `rows` are in key order. `covered` is the first key not covered: everything of the range below
    it that this drive holds is in `rows` (group members aside). It equals the scan's end when the
    range is done. `watermarks` maps each proposer that appears to its settled watermark.
    """

    rows: list[Row]
    covered: bytes
    watermarks: dict[int, int]
    seals: tuple[SealMark, ...] = ()
