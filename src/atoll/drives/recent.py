"""Records a drive read or stored lately, decoded: the hot end of its table of heads.

Owns      a bounded map from store key to record, or to "there is none"; least recently used leaves
          first.
Invariant what is in here is what the medium holds: every durable change of a record comes through
          `put` or `forget`, in the loop's turn in which it becomes visible.
Bytes     bounds inline bytes, which dominate; a record without them counts as `ENTRY_BYTES`.
"""

from __future__ import annotations

from typing import Final

from atoll.core.quorum.messages import Record

ENTRY_BYTES: Final = 512


class RecentRecords:
    """A cache of records."""

    __slots__ = ("_entries", "_size_bytes", "_size_bytes_max")

    def __init__(self, size_bytes_max: int) -> None:
        self._size_bytes_max = size_bytes_max
        self._size_bytes = 0
        #: Store key → record, inline bytes that are not loaded, bytes this entry counts.
        self._entries: dict[bytes, tuple[Record | None, int, int]] = {}

    def get(self, stored: bytes) -> tuple[Record | None, int] | None:
        """Return the entry of a store key; None: nothing is known."""
        entries = self._entries
        entry = entries.pop(stored, None)
        if entry is None:
            return None
        entries[stored] = entry
        return entry[0], entry[1]

    def put(self, stored: bytes, record: Record | None, missing_bytes: int = 0) -> None:
        """Remember a record, or that there is none."""
        entries = self._entries
        before = entries.pop(stored, None)
        size_bytes = _size_of(record)
        entries[stored] = (record, missing_bytes, size_bytes)
        held = self._size_bytes + size_bytes - (before[2] if before is not None else 0)
        while held > self._size_bytes_max:
            held -= entries.pop(next(iter(entries)))[2]
        self._size_bytes = held

    def forget(self, stored: bytes) -> None:
        """Know nothing about a store key."""
        before = self._entries.pop(stored, None)
        if before is not None:
            self._size_bytes -= before[2]


def _size_of(record: Record | None) -> int:
    if record is None:
        return ENTRY_BYTES
    value = record.value
    return ENTRY_BYTES + len(value.head) + len(value.inline)
