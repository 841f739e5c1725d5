"""The register records of one drive, decoded: from memory where they are known, else as stored.

Owns      reading a record's two rows, head and inline bytes, and the cache in front of them.
Race      the rows are read one after the other while a commit may replace both in its own thread.
          So inline bytes that do not fit their head are damage only if the head is still there.
Invariant what is returned is durable; the cache is changed in the turn of the loop in which a
          commit's end becomes known (`recent.py`).
Errors    RecordCorrupt: a row does not match its checksum, or the rows do not fit each other.
"""

from __future__ import annotations

import msgspec

from atoll.base.errors import RecordCorrupt
from atoll.core.formats.register_record import decode_head, decode_inline
from atoll.core.quorum.messages import Detail, Record
from atoll.drives.kv import OrderedKv, Table
from atoll.drives.recent import RecentRecords


class StoredRecords:
    """The records of one drive, by store key."""

    def __init__(self, kv: OrderedKv, recent_bytes_max: int) -> None:
        self._kv = kv
        self._recent = RecentRecords(recent_bytes_max)
        #: A record is durable, or nothing is known of it any more.
        self.put = self._recent.put
        self.forget = self._recent.forget

    def load(self, stored: bytes, detail: Detail) -> Record | None:
        """Return the durable record of a store key, from memory where it is known."""
        known = self._recent.get(stored)
        if known is None:
            return self.load_from_medium(stored, detail)
        record, missing_bytes = known
        if record is None or not missing_bytes or detail is not Detail.WHOLE:
            return record
        return self._load_inline(stored, record, missing_bytes)

    def load_from_medium(self, stored: bytes, detail: Detail) -> Record | None:
        """Return the durable record of a store key as it is stored."""
        raw = self._kv.get(Table.HEADS, stored)
        if raw is None:
            self._recent.put(stored, None)
            return None
        record, inline_bytes = decode_head(stored, raw)
        if detail is Detail.WHOLE and inline_bytes:
            return self._load_inline(stored, record, inline_bytes)
        self._recent.put(stored, record, inline_bytes)
        return record

    def _load_inline(self, stored: bytes, record: Record, size_bytes: int) -> Record | None:
        """Return a record with its inline bytes, or whatever replaced it meanwhile."""
        raw = self._kv.get(Table.INLINE, stored)
        try:
            if raw is None:
                raise RecordCorrupt("Inline bytes are missing.", key=stored[2:])
            inline = decode_inline(stored, raw, record.ballot, size_bytes)
        except RecordCorrupt:
            if self._is_head_of(stored, record):
                raise
            return self.load_from_medium(stored, Detail.WHOLE)
        whole = Record(record.ballot, msgspec.structs.replace(record.value, inline=inline))
        self._recent.put(stored, whole)
        return whole

    def _is_head_of(self, stored: bytes, record: Record) -> bool:
        raw = self._kv.get(Table.HEADS, stored)
        return raw is not None and decode_head(stored, raw)[0].ballot == record.ballot
