"""Scan the head records of one set on one drive: in key order, with group skipping.

Source    docs/design/listing.md (what a group is and why the first row of a group is enough).
Cost      one call into the store per row; with groups, a seek behind each group.
Corrupt   a record that does not match its checksum ends the scan with RecordCorrupt: never an
          absent key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
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
        found: Iterator[tuple[bytes, bytes]] = _first_of_groups(cursor, request)
    else:
        found = iter(kv.iterate(Table.HEADS, start, end))
    # Rows are decoded as they are read: a page of large heads never lies in memory as a whole.
    page = islice(found, request.limit)
    rows = decode_rows(page) if request.detail is Detail.SUMMARY else _head_rows(page)
    behind = next(found, None)
    return rows, request.end if behind is None else behind[0][_SET_BYTES:]


def _first_of_groups(cursor: Cursor, request: Scan) -> Iterator[tuple[bytes, bytes]]:
    """Yield the first record of each group; a record without a delimiter is its own group."""
    delimiter = request.delimiter
    while (item := cursor.item()) is not None:
        yield item
        key = item[0][_SET_BYTES:]
        at = key.find(delimiter, request.group_from)
        if at < 0:
            cursor.advance()
            continue
        behind = successor(key[: at + len(delimiter)])
        if behind is None or behind >= request.end:
            return
        cursor.seek(store_key(request.set_index, behind))


def _head_rows(found: Iterable[tuple[bytes, bytes]]) -> list[Row]:
    rows: list[Row] = []
    for stored, raw in found:
        record, _ = decode_head(stored, raw)
        rows.append(Row(stored[_SET_BYTES:], record.ballot, record.value.live, record.value.head))
    return rows


def successor(prefix: bytes) -> bytes | None:
    """Return the smallest key behind every key that starts with `prefix`; None when there is
    none."""
    stripped = prefix.rstrip(b"\xff")
    if not stripped:
        return None
    return stripped[:-1] + bytes((stripped[-1] + 1,))
