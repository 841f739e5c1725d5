import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.base.errors import Damaged, RecordCorrupt
from atoll.base.ids import DataId
from atoll.core.formats.packed_shard import (
    Row,
    encode_packed,
    packed_key,
    parse_packed_key,
)
from atoll.core.formats.shard_file import BlockFrames, ShardHeader, decode_header

DATA_ID = DataId(bytes(range(16)))
HEADER = ShardHeader(1, b"b/12345678/key", DATA_ID, 3, 2, 2, 1 << 20, 20)
VECTOR = json.loads((Path(__file__).parents[3] / "vectors/formats/packed_shard_1.json").read_text())


def test_rows_equal_their_golden_bytes():
    listed, body = encode_packed(HEADER, [b"ten bytes!"])
    assert packed_key(Row.LISTING, 1, DATA_ID, 3).hex() == VECTOR["listing_key"]
    assert packed_key(Row.BODY, 1, DATA_ID, 3).hex() == VECTOR["body_key"]
    assert listed.hex() == VECTOR["listing"]
    assert body.hex() == VECTOR["body"]


def test_the_body_is_header_and_frames():
    _, body = encode_packed(HEADER, [b"ten bytes!"])
    header, size = decode_header(body)
    assert header == HEADER
    assert BlockFrames(1, DATA_ID, 3).unwrap(0, body, [10], start=size) == [b"ten bytes!"]


def test_keys_parse_back():
    key = packed_key(Row.BODY, 1, DATA_ID, 3)
    assert parse_packed_key(key) == (Row.BODY, 1, DATA_ID, 3)


@pytest.mark.parametrize("key", [b"", bytes(19), b"\0\0\2" + bytes(17)])
def test_other_keys_are_damaged(key):
    with pytest.raises(RecordCorrupt):
        parse_packed_key(key)


def test_keys_order_by_set_then_row_then_age():
    keys = [
        packed_key(Row.LISTING, 0, DataId(b"\1" + bytes(15)), 0),
        packed_key(Row.LISTING, 0, DataId(b"\2" + bytes(15)), 0),
        packed_key(Row.BODY, 0, DataId(b"\1" + bytes(15)), 0),
        packed_key(Row.LISTING, 1, DataId(b"\1" + bytes(15)), 0),
    ]
    assert keys == sorted(keys)


@given(
    row=st.sampled_from(Row),
    set_index=st.integers(0, 65535),
    data_id=st.binary(min_size=16, max_size=16).map(DataId),
    index=st.integers(0, 255),
)
def test_any_key_comes_back_as_it_was(row, set_index, data_id, index):
    key = packed_key(row, set_index, data_id, index)
    assert parse_packed_key(key) == (row, set_index, data_id, index)


@given(key=st.binary(max_size=24))
def test_a_noisy_key_is_only_ever_damage(key):
    with suppress(Damaged):
        parse_packed_key(key)
