"""What a register store offers to the layers above: read, write, scan, seal. Linearizable per key.

A `Cell` names a register: `key` orders it among its neighbours and is what a scan walks, `place`
decides which set holds it. Cells that must live together (an object and its uploads) share a
place.

Keys begin with a namespace letter and an owner: `b/<8 bytes incarnation>…`; the first
`SEAL_PREFIX_BYTES` bytes are what a seal covers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec

from atoll.base.ids import Ballot, DataId
from atoll.core.quorum.messages import Detail, Row, Value

SEAL_PREFIX_BYTES: Final = 10


class Cell(msgspec.Struct, frozen=True, array_like=True):
    """The name of a register."""

    place: bytes
    key: bytes


class Change(msgspec.Struct, frozen=True, array_like=True):
    """What a write puts into a register. `live=False` removes it.

    `released` are the data ids to free once this value is chosen, owned by the cell's key. None:
    those the value before named in `data_ids` and this one does not. A tuple is the whole truth:
    ids that drop out of `data_ids` without being in it stay alive (a page or a manifest that this
    value names still names them), and a drive's report of replaced ids must not be believed for
    such a key. Ids in `adopts` were kept alive by another register until now (parts of an upload),
    so they may be old; all other ids that are named for the first time must be fresh.
    """

    live: bool
    summary: bytes = b""
    head: bytes = b""
    inline: bytes = b""
    data_ids: tuple[DataId, ...] = ()
    released: tuple[DataId, ...] | None = None
    adopts: tuple[DataId, ...] = ()


#: Decides a write from the present value (None: no live value). Pure, may be called several times
#: for one write; returns None to leave the register as it is; raises Rejected to refuse.
Decide = Callable[[Value | None], Change | None]


class Outcome(msgspec.Struct, frozen=True):
    """What a write did.

    `value` is the value it left (None: not live), `previous` the one it met.
    """

    ballot: Ballot
    changed: bool
    value: Value | None
    previous: Value | None


class Found(msgspec.Struct, frozen=True):
    """A chosen live value."""

    ballot: Ballot
    value: Value


class RowPage(msgspec.Struct, frozen=True):
    """Chosen live rows in key order; `next_start` continues the scan, None at the end of the range.

    May hold fewer rows than asked, even none, with a `next_start`: dead keys cost work too.
    """

    rows: list[Row]
    next_start: bytes | None


class ScanRange(msgspec.Struct, frozen=True, kw_only=True):
    """The keys a scan walks: [start, end).

    With a `delimiter` they are grouped by it, behind byte `group_from`. Of a group only the first
    live row is shown.
    """

    start: bytes
    end: bytes
    limit: int
    detail: Detail = Detail.SUMMARY
    delimiter: bytes = b""
    group_from: int = 0


class RegisterStore(Protocol):
    """Linearizable registers.

    Errors    Rejected from `decide`; Contended, QuorumLost, StorageFull, OutcomeUnknown;
              RecordCorrupt when all copies are bad. Only a write that raised OutcomeUnknown, or
              was cancelled, may become visible later; or StorageFull, if a message of it is
              delivered a second time when there is room again.
    Deadline  callers bound calls with `asyncio.timeout`; a cancelled write may or may not be
              applied.
    """

    async def read(self, cell: Cell, *, detail: Detail = Detail.WHOLE) -> Found | None:
        """Return the chosen live value. With Detail.HEAD `value.inline` is empty."""
        ...

    async def write(self, cell: Cell, decide: Decide, *, seal_epoch: int = 0) -> Outcome:
        """Apply one read-modify-write; durable on a write quorum when it returns.

        Applied at most once. Raises BucketNotFound when the owner is sealed at or above
        `seal_epoch`.
        """
        ...

    async def scan(self, asked: ScanRange) -> RowPage:
        """Return chosen live rows.

        A row acknowledged before the call began and not removed is in it.
        """
        ...

    async def seal(self, prefix: bytes, epoch: int, *, lifted: bool = False) -> None:
        """Refuse, on every set, keys under `prefix` that would live with a seal epoch ≤ `epoch`.

        `lifted` says that the owner lives on at a higher epoch, so that values accepted before the
        seal may be completed.
        """
        ...

    async def release(self, cell: Cell, data_ids: Sequence[DataId]) -> None:
        """Free data owned by `cell.key` that its chosen value does not name in `data_ids`.

        The caller has proven that nothing names the ids now, and that no later value will.
        Readers keep their grace. Idempotent; best effort: what a lost drive keeps is found by the
        orphan scan.
        """
        ...

    def pin(self, data_id: DataId) -> None:
        """Keep the shards of a data id while a reader of this process needs them. Counted."""
        ...

    def unpin(self, data_id: DataId) -> None:
        """Undo one `pin`."""
        ...
