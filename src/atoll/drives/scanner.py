"""Scan the head records of one set on one drive: in key order, with group skipping.

Source    docs/design/listing.md (what a group is and why the first row of a group is enough).
Corrupt   a record that does not match its checksum ends the scan with RecordCorrupt: never an absent key.
"""

from __future__ import annotations

from typing import Final

from atoll.base.errors import RecordCorrupt
from atoll.core.formats.register_record import (
    decode_head,
    decode_summary,
    is_intact,
    store_key,
)
from atoll.core.quorum.messages import Detail, Row, Scan
from atoll.drives.kv import Cursor, OrderedKv, Table

_SET_BYTES: Final = 2


def scan_rows(kv: OrderedKv, request: Scan) -> tuple[list[Row], bytes]:
    """Return the rows of a scan and the first key that they do not cover.

    Raises
        RecordCorrupt: a record in the range is damaged.
    """
    cursor = kv.seekable(Table.HEADS, store_key(request.set_index, request.end))
    cursor.seek(store_key(request.set_index, request.start))
    if request.delimiter:
        return _scan_groups(cursor, request)
    rows: list[Row] = []
    limit = request.limit
    wants_head = request.detail is not Detail.SUMMARY
    while True:
        item = cursor.item()
        if item is None:
            return rows, request.end
        if len(rows) >= limit:
            return rows, item[0][_SET_BYTES:]
        rows.append(_row(item[0], item[1], wants_head))
        cursor.advance()


def _scan_groups(cursor: Cursor, request: Scan) -> tuple[list[Row], bytes]:
    rows: list[Row] = []
    wants_head = request.detail is not Detail.SUMMARY
    delimiter = request.delimiter
    while True:
        item = cursor.item()
        if item is None:
            return rows, request.end
        stored, raw = item
        key = stored[_SET_BYTES:]
        if len(rows) >= request.limit:
            return rows, key
        rows.append(_row(stored, raw, wants_head))
        at = key.find(delimiter, request.group_from)
        if at < 0:
            cursor.advance()
            continue
        behind = successor(key[: at + len(delimiter)])
        if behind is None or behind >= request.end:
            return rows, request.end
        cursor.seek(store_key(request.set_index, behind))


def _row(stored: bytes, raw: bytes, wants_head: bool) -> Row:
    if not is_intact(stored, raw):
        raise RecordCorrupt("A register record does not match its checksum.", key=stored[2:])
    if wants_head:
        record, _ = decode_head(stored, raw)
        return Row(stored[_SET_BYTES:], record.ballot, record.value.live, record.value.head)
    live, ballot, summary = decode_summary(raw)
    return Row(stored[_SET_BYTES:], ballot, live, summary)


def successor(prefix: bytes) -> bytes | None:
    """Return the smallest key behind every key that starts with `prefix`; None when there is none."""
    stripped = prefix.rstrip(b"\xff")
    if not stripped:
        return None
    return stripped[:-1] + bytes((stripped[-1] + 1,))
