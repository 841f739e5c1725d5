"""Scan the head records of one set on one drive: in key order, with group skipping.

Source    docs/design/listing.md (what a group is and why the first row of a group is enough).
Cost      a page without groups is read and decoded as a whole; with groups row by row, because each
          may be followed by a seek.
Corrupt   a record that does not match its checksum ends the scan with RecordCorrupt: never an absent key.
"""

from __future__ import annotations

from typing import Final

from atoll.core.formats.register_record import (
    decode_head,
    decode_rows,
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
    start = store_key(request.set_index, request.start)
    end = store_key(request.set_index, request.end)
    if request.delimiter:
        cursor = kv.seekable(Table.HEADS, end)
        cursor.seek(start)
        found, covered = _scan_groups(cursor, request)
    else:
        # One row more than asked says where the next scan goes on.
        found = kv.read_range(Table.HEADS, start, end, request.limit + 1)
        covered = request.end
        if len(found) > request.limit:
            covered = found.pop()[0][_SET_BYTES:]
    if request.detail is Detail.SUMMARY:
        return decode_rows(found), covered
    return [_head_row(stored, raw) for stored, raw in found], covered


def _scan_groups(cursor: Cursor, request: Scan) -> tuple[list[tuple[bytes, bytes]], bytes]:
    found: list[tuple[bytes, bytes]] = []
    delimiter = request.delimiter
    while True:
        item = cursor.item()
        if item is None:
            return found, request.end
        key = item[0][_SET_BYTES:]
        if len(found) >= request.limit:
            return found, key
        found.append(item)
        at = key.find(delimiter, request.group_from)
        if at < 0:
            cursor.advance()
            continue
        behind = successor(key[: at + len(delimiter)])
        if behind is None or behind >= request.end:
            return found, request.end
        cursor.seek(store_key(request.set_index, behind))


def _head_row(stored: bytes, raw: bytes) -> Row:
    record, _ = decode_head(stored, raw)
    return Row(stored[_SET_BYTES:], record.ballot, record.value.live, record.value.head)


def successor(prefix: bytes) -> bytes | None:
    """Return the smallest key behind every key that starts with `prefix`; None when there is none."""
    stripped = prefix.rstrip(b"\xff")
    if not stripped:
        return None
    return stripped[:-1] + bytes((stripped[-1] + 1,))
