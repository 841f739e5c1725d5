"""Registers in memory: linearizable, with a log of calls, seals, pins, and faults on demand.

Owns      `MemoryRegisters`, the contract `registers.contract.RegisterStore` on a dictionary.
Faults    `faults` is asked before every call; it may have it refused, or have a write applied and
          its answer lost.
Freeing   released data goes to `on_free` at once, or when its last pin is undone.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Sequence
from enum import Enum, auto

import msgspec

from atoll.base.errors import BucketNotFound, Contended, OutcomeUnknown
from atoll.base.ids import DataId, WriteId, make_ballot
from atoll.core.quorum.messages import Detail, Row, Value
from atoll.registers.contract import (
    SEAL_PREFIX_BYTES,
    Cell,
    Change,
    Decide,
    Found,
    Outcome,
    RowPage,
    ScanRange,
)


class Fault(Enum):
    """What to do to one call."""

    #: Raise Contended; nothing happened.
    REFUSED = auto()
    #: Apply it and raise OutcomeUnknown.
    LOST = auto()
    #: Do not apply it and raise OutcomeUnknown.
    NEVER = auto()


class Call(msgspec.Struct, frozen=True):
    """One call, for tests that count."""

    verb: str
    key: bytes


Faults = Callable[[Call], Fault | None]


class MemoryRegisters:
    """Registers of one process."""

    def __init__(
        self,
        *,
        on_free: Callable[[bytes, DataId], None] | None = None,
        rows_max: int = 1 << 30,
        yields: Callable[[], int] | None = None,
    ) -> None:
        self.calls: list[Call] = []
        self.faults: Faults | None = None
        self.pins: Counter[DataId] = Counter()
        self.on_free = on_free
        #: Keys a scan looks at before it gives a short page; dead keys count.
        self.rows_max = rows_max
        #: How often a call lets other tasks run before it takes effect, so that they interleave.
        self.yields = yields
        self._values: dict[bytes, tuple[bytes, Value]] = {}
        self._keys: list[bytes] = []
        self._seals: dict[bytes, int] = {}
        self._waiting: dict[DataId, bytes] = {}
        self._clock = 0

    def live_keys(self, prefix: bytes = b"") -> list[bytes]:
        """Return the keys of live registers."""
        return [key for key in self._keys if key.startswith(prefix) and self._values[key][1].live]

    def value(self, key: bytes) -> Value | None:
        """Return the live value of a key."""
        found = self._values.get(key)
        return found[1] if found is not None and found[1].live else None

    async def read(self, cell: Cell, *, detail: Detail = Detail.WHOLE) -> Found | None:
        """Return the chosen live value."""
        await self._enter("read", cell.key)
        found = self._values.get(cell.key)
        await self._pause()
        if found is None or not found[1].live:
            return None
        value = found[1]
        if detail is not Detail.WHOLE:
            value = msgspec.structs.replace(value, inline=b"")
        return Found(found[0], value)

    async def write(self, cell: Cell, decide: Decide, *, seal_epoch: int = 0) -> Outcome:
        """Apply one read-modify-write."""
        fault = await self._enter("write", cell.key)
        if fault is Fault.REFUSED:
            raise Contended(key=cell.key)
        before = self.value(cell.key)
        change = decide(before)
        ballot = self._values.get(cell.key, (make_ballot(0, 0), None))[0]
        if change is None:
            return Outcome(ballot, False, before, before)
        sealed = self._seals.get(cell.key[:SEAL_PREFIX_BYTES], -1)
        if change.live and before is None and sealed >= seal_epoch:
            raise BucketNotFound(key=cell.key)
        if fault is Fault.NEVER:
            raise OutcomeUnknown(key=cell.key)
        outcome = self._apply(cell.key, before, change)
        if fault is Fault.LOST:
            raise OutcomeUnknown(key=cell.key)
        return outcome

    def _apply(self, key: bytes, before: Value | None, change: Change) -> Outcome:
        self._clock += 1
        ballot = make_ballot(self._clock, 1)
        write_id = WriteId(self._clock.to_bytes(16, "big"))
        if change.live:
            value = Value(
                write_id, True, change.summary, change.head, change.inline, change.data_ids
            )
            assert value.size_bytes <= 64 * 1024, "the value is larger than a register"
        else:
            value = Value(write_id, False)
        if key not in self._values:
            insort(self._keys, key)
        self._values[key] = (ballot, value)
        released: Sequence[DataId]
        if change.released is not None:
            released = change.released
        else:
            released = [i for i in (before.data_ids if before else ()) if i not in value.data_ids]
        for data_id in released:
            self._free(key, data_id)
        return Outcome(ballot, True, value if value.live else None, before)

    async def scan(self, asked: ScanRange) -> RowPage:
        """Return live rows, groups collapsed."""
        await self._enter("scan", asked.start)
        assert asked.limit > 0
        rows: list[Row] = []
        index = bisect_left(self._keys, asked.start)
        looked = 0
        while index < len(self._keys) and self._keys[index] < asked.end:
            key = self._keys[index]
            if len(rows) == asked.limit or looked == self.rows_max:
                return RowPage(rows, self._keys[index - 1] + b"\0")
            looked += 1
            index += 1
            ballot, value = self._values[key]
            if not value.live:
                continue
            body = value.summary if asked.detail is Detail.SUMMARY else value.head
            rows.append(Row(key, ballot, True, body))
            group = _group_end(key, asked)
            if group is not None:
                index = bisect_left(self._keys, group, lo=index)
                if index < len(self._keys) and len(rows) == asked.limit:
                    return RowPage(rows, group if group < asked.end else None)
        return RowPage(rows, None)

    async def seal(self, prefix: bytes, epoch: int, *, lifted: bool = False) -> None:
        """Refuse keys that would become live with a lower or equal epoch."""
        assert len(prefix) == SEAL_PREFIX_BYTES
        await self._enter("seal", prefix)
        self._seals[prefix] = max(epoch, self._seals.get(prefix, -1))

    async def release(self, cell: Cell, data_ids: Sequence[DataId]) -> None:
        """Free data that the cell's value does not name."""
        await self._enter("release", cell.key)
        value = self.value(cell.key)
        named = value.data_ids if value is not None else ()
        for data_id in data_ids:
            if data_id not in named:
                self._free(cell.key, data_id)

    def pin(self, data_id: DataId) -> None:
        """Keep data for a reader."""
        self.pins[data_id] += 1

    def unpin(self, data_id: DataId) -> None:
        """Undo one pin."""
        self.pins[data_id] -= 1
        assert self.pins[data_id] >= 0, "unpinned more often than pinned"
        if not self.pins[data_id]:
            del self.pins[data_id]
            if data_id in self._waiting:
                self._free(self._waiting.pop(data_id), data_id)

    async def _pause(self) -> None:
        for _ in range(self.yields() if self.yields is not None else 0):
            await asyncio.sleep(0)

    def _free(self, key: bytes, data_id: DataId) -> None:
        if data_id in self.pins:
            self._waiting[data_id] = key
        elif self.on_free is not None:
            self.on_free(key, data_id)

    async def _enter(self, verb: str, key: bytes) -> Fault | None:
        call = Call(verb, key)
        self.calls.append(call)
        await self._pause()
        fault = self.faults(call) if self.faults is not None else None
        if fault is not None and verb != "write":
            raise Contended(key=key)
        return fault


def _group_end(key: bytes, asked: ScanRange) -> bytes | None:
    if not asked.delimiter:
        return None
    at = key.find(asked.delimiter, asked.group_from)
    if at < 0:
        return None
    group = key[: at + len(asked.delimiter)].rstrip(b"\xff")
    return group[:-1] + bytes((group[-1] + 1,))
