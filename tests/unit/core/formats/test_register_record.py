"""Register records: golden bytes, round trips, other keys, cuts, flipped bits and garbage."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from atoll.base.errors import Damaged, FormatUnknown, RecordCorrupt
from atoll.base.ids import Ballot, DataId, WriteId, make_ballot
from atoll.core.formats.register_record import (
    decode_head,
    decode_inline,
    decode_rows,
    encode_head,
    encode_inline,
    encode_record,
    store_key,
)
from atoll.core.quorum.messages import Record, Row, Value

VECTORS = json.loads(
    (Path(__file__).parents[3] / "vectors" / "formats" / "register_record_1.json").read_text()
)
KEY = b"b/12345678key"
STORED = store_key(3, KEY)
BALLOT = make_ballot(0x0102030405060708, 0x1112131415161718)
W1, W2, W3 = (WriteId(bytes((n,)) * 16) for n in (1, 2, 3))
D1, D2 = (DataId(bytes((n,)) * 16) for n in (9, 10))

RECORDS = {
    "tombstone": Record(BALLOT, Value(W1, False, lineage=(W2,))),
    "inline": Record(BALLOT, Value(W1, True, b"summary", b"head", b"inline bytes", (), (W2, W3))),
    "data": Record(BALLOT, Value(W1, True, b"s", b"head", b"", (D1, D2), ())),
}
IDS = st.binary(min_size=16, max_size=16)
STORED_RECORDS = st.builds(
    Record,
    IDS.map(Ballot),
    st.builds(
        Value,
        IDS.map(WriteId),
        st.booleans(),
        st.binary(max_size=40),
        st.binary(max_size=40),
        st.binary(max_size=40),
        st.lists(IDS.map(DataId), max_size=4).map(tuple),
        st.lists(IDS.map(WriteId), max_size=4).map(tuple),
    ),
)


def decode(stored: bytes, head: bytes, inline: bytes | None) -> Record:
    """Return the whole record of a pair."""
    record, inline_bytes = decode_head(stored, head)
    if not inline_bytes:
        assert inline is None
        return record
    assert inline is not None
    value = record.value
    return Record(
        record.ballot,
        Value(
            value.write_id,
            value.live,
            value.summary,
            value.head,
            decode_inline(stored, inline, record.ballot, inline_bytes),
            value.data_ids,
            value.lineage,
        ),
    )


def test_the_golden_store_key_is_set_and_key() -> None:
    assert STORED.hex() == VECTORS["store key"]


@pytest.mark.parametrize("name", RECORDS)
def test_golden_bytes_are_written_and_read(name: str) -> None:
    golden = VECTORS[name]
    head = bytes.fromhex(golden["head"])
    inline = bytes.fromhex(golden["inline"]) if golden["inline"] is not None else None
    pair = encode_record(STORED, RECORDS[name])
    assert (pair.head, pair.inline) == (head, inline)
    assert decode(STORED, head, inline) == RECORDS[name]


@given(record=STORED_RECORDS, set_index=st.integers(0, 65535), key=st.binary(max_size=40))
def test_records_come_back_as_they_were(record: Record, set_index: int, key: bytes) -> None:
    stored = store_key(set_index, key)
    pair = encode_record(stored, record)
    assert decode(stored, pair.head, pair.inline) == record
    value = record.value
    assert decode_rows([(stored, pair.head)]) == [
        Row(key, record.ballot, value.live, value.summary)
    ]


@pytest.mark.parametrize("name", RECORDS)
def test_every_cut_and_every_flipped_bit_is_found(name: str) -> None:
    raw = encode_head(STORED, RECORDS[name])
    damaged = [raw[:end] for end in range(len(raw))]
    for bit in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        damaged.append(bytes(flipped))
    for found in damaged:
        with pytest.raises(RecordCorrupt):
            decode_head(STORED, found)
        with pytest.raises(RecordCorrupt):
            decode_rows([(STORED, found)])


def test_every_cut_and_every_flipped_bit_of_inline_bytes_is_found() -> None:
    raw = encode_inline(STORED, BALLOT, b"inline")
    assert decode_inline(STORED, raw, BALLOT, 6) == b"inline"
    for bit in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(RecordCorrupt):
            decode_inline(STORED, bytes(flipped), BALLOT, 6)
    for end in range(len(raw)):
        with pytest.raises(RecordCorrupt):
            decode_inline(STORED, raw[:end], BALLOT, 6)


def test_a_record_under_another_key_is_corrupt() -> None:
    pair = encode_record(STORED, RECORDS["inline"])
    assert pair.inline is not None
    for other in (store_key(4, KEY), store_key(3, KEY + b"\0")):
        with pytest.raises(RecordCorrupt):
            decode_head(other, pair.head)
        with pytest.raises(RecordCorrupt):
            decode_rows([(other, pair.head)])
        with pytest.raises(RecordCorrupt):
            decode_inline(other, pair.inline, BALLOT, 12)


def test_inline_bytes_of_another_ballot_or_length_are_corrupt() -> None:
    raw = encode_inline(STORED, BALLOT, b"inline")
    for ballot, size in ((make_ballot(1, 1), 6), (BALLOT, 5), (BALLOT, 7)):
        with pytest.raises(RecordCorrupt):
            decode_inline(STORED, raw, ballot, size)


def sealed(body: bytes) -> bytes:
    """Return bytes behind which stands the right checksum."""
    return body + xxhash.xxh3_128_digest(STORED + body)


def test_a_later_format_with_a_right_checksum_is_named() -> None:
    raw = encode_head(STORED, RECORDS["data"])
    later = sealed(b"\x02" + raw[1:-16])
    decoders: tuple[Any, ...] = (
        lambda: decode_head(STORED, later),
        lambda: decode_rows([(STORED, later)]),
    )
    for read in decoders:
        with pytest.raises(FormatUnknown) as caught:
            read()
        assert caught.value.fields == {"version": 2}


@given(body=st.binary(max_size=120))
def test_noise_is_only_ever_damage(body: bytes) -> None:
    # Behind a right checksum as well, where nothing but the lengths can tell.
    for raw in (body, sealed(body), sealed(b"\x01" + body)):
        with suppress(Damaged):
            decode_head(STORED, raw)
        with suppress(Damaged):
            decode_rows([(STORED, raw)])
        with suppress(Damaged):
            decode_inline(STORED, raw, BALLOT, 6)
