import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.base.errors import Damaged, FormatUnknown, RecordCorrupt
from atoll.base.ids import DataId
from atoll.core.formats.shard_file import (
    CHECKSUM_BYTES,
    HEADER_BYTES,
    MAGIC,
    OWNER_KEY_BYTES_MAX,
    BlockFrames,
    ShardHeader,
    decode_header,
    encode_header,
    file_name,
    frame_offset,
    parse_file_name,
)

DATA_ID = DataId(bytes(range(16)))
HEADER = ShardHeader(7, b"b/12345678/some/key", DATA_ID, 2, 2, 2, 1 << 20, 5_000_000)
VECTOR = json.loads((Path(__file__).parents[3] / "vectors/formats/shard_file_1.json").read_text())


def test_the_header_equals_its_golden_bytes():
    assert encode_header(HEADER).hex() == VECTOR["header"]
    assert decode_header(bytes.fromhex(VECTOR["header"])) == (HEADER, len(VECTOR["header"]) // 2)


def test_frames_equal_their_golden_bytes():
    frames = BlockFrames(7, DATA_ID, 2)
    framed = b"".join(frames.wrap(3, [b"first block", b"second"]))
    assert framed.hex() == VECTOR["frames_from_block_3"]


def test_the_header_may_be_followed_by_padding():
    raw = encode_header(HEADER)
    assert decode_header(raw.ljust(HEADER_BYTES, b"\0")) == (HEADER, len(raw))


def test_the_longest_owner_key_fits_the_room():
    header = ShardHeader(0, bytes(OWNER_KEY_BYTES_MAX), DATA_ID, 0, 1, 0, 1, 1)
    assert len(encode_header(header)) <= HEADER_BYTES


def test_any_flipped_bit_of_the_header_is_found():
    raw = encode_header(HEADER)
    for bit in range(len(raw) * 8):
        damaged = bytearray(raw)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Damaged):
            decode_header(bytes(damaged))


@pytest.mark.parametrize("size", [0, 1, 47, 48, 60])
def test_a_header_cut_off_is_damaged(size):
    with pytest.raises(RecordCorrupt):
        decode_header(encode_header(HEADER)[:size])


def test_an_empty_page_is_no_header():
    with pytest.raises(RecordCorrupt):
        decode_header(bytes(HEADER_BYTES))


def test_a_later_format_is_named():
    raw = bytearray(encode_header(HEADER))
    raw[9] = 2
    with pytest.raises(FormatUnknown) as caught:
        decode_header(bytes(raw))
    assert caught.value.fields == {"version": 2}


@pytest.mark.parametrize("change", [{"data": 0}, {"index": 4}, {"stripe_bytes": 0}])
def test_an_impossible_geometry_is_damaged(change):
    fields = {name: getattr(HEADER, name) for name in HEADER.__struct_fields__}
    with pytest.raises(RecordCorrupt):
        decode_header(encode_header(ShardHeader(**{**fields, **change})))


def unwrap(frames, first, raw, sizes):
    return [None if b is None else bytes(b) for b in frames.unwrap(first, raw, sizes)]


def test_frames_give_their_blocks_back():
    frames = BlockFrames(0, DATA_ID, 1)
    raw = b"".join(frames.wrap(5, [b"one", b"two", b"last"]))
    assert unwrap(frames, 5, raw, [3, 3, 4]) == [b"one", b"two", b"last"]
    assert frames.unwrap(5, b"xx" + raw, [3], start=2) == [b"one"]


def test_any_flipped_bit_costs_one_block():
    frames = BlockFrames(0, DATA_ID, 1)
    raw = b"".join(frames.wrap(0, [b"one", b"two"]))
    for bit in range(len(raw) * 8):
        damaged = bytearray(raw)
        damaged[bit // 8] ^= 1 << bit % 8
        found = unwrap(frames, 0, bytes(damaged), [3, 3])
        assert found == ([None, b"two"] if bit < 19 * 8 else [b"one", None])


def test_a_block_of_another_place_is_not_taken():
    raw = b"".join(BlockFrames(0, DATA_ID, 1).wrap(0, [b"one"]))
    other = DataId(bytes(reversed(DATA_ID)))
    assert unwrap(BlockFrames(0, DATA_ID, 1), 1, raw, [3]) == [None]
    assert unwrap(BlockFrames(0, DATA_ID, 2), 0, raw, [3]) == [None]
    assert unwrap(BlockFrames(1, DATA_ID, 1), 0, raw, [3]) == [None]
    assert unwrap(BlockFrames(0, other, 1), 0, raw, [3]) == [None]


def test_a_cut_off_frame_is_missing():
    frames = BlockFrames(0, DATA_ID, 1)
    raw = b"".join(frames.wrap(0, [b"one", b"two"]))
    assert unwrap(frames, 0, raw[:-1], [3, 3]) == [b"one", None]
    assert unwrap(frames, 0, raw[: 19 + 7], [3, 3]) == [b"one", None]
    assert unwrap(frames, 0, b"", [3, 3]) == [None, None]


def test_a_zero_block_has_a_checksum_of_its_own():
    # A hole in a file must not pass for a block of zeros.
    assert unwrap(BlockFrames(0, DATA_ID, 0), 0, bytes(CHECKSUM_BYTES + 8), [8]) == [None]


def test_offsets_follow_header_and_frames():
    assert frame_offset(0, 100) == HEADER_BYTES
    assert frame_offset(3, 100) == HEADER_BYTES + 3 * 116


def test_file_names_spread_by_the_last_byte_and_parse_back():
    name = file_name(7, DATA_ID, 2)
    assert name == "0f/000102030405060708090a0b0c0d0e0f.0007.02"
    assert parse_file_name(name[3:]) == (7, DATA_ID, 2)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "lost+found",
        "000102030405060708090a0b0c0d0e0f.0007",
        "000102030405060708090A0B0C0D0E0F.0007.02",
        "000102030405060708090a0b0c0d0e0f.7.2",
        "zz0102030405060708090a0b0c0d0e0f.0007.02",
    ],
)
def test_other_names_are_no_shards(name):
    assert parse_file_name(name) is None


HEADERS = st.builds(
    ShardHeader,
    st.integers(0, 2**32 - 1),
    st.binary(max_size=OWNER_KEY_BYTES_MAX),
    st.binary(min_size=16, max_size=16).map(DataId),
    st.integers(0, 8),
    st.integers(9, 255),
    st.integers(0, 255),
    st.integers(1, 2**32 - 1),
    st.integers(0, 2**64 - 1),
)


@given(header=HEADERS, behind=st.binary(max_size=20))
def test_headers_come_back_as_they_were(header, behind):
    raw = encode_header(header)
    assert decode_header(raw + behind) == (header, len(raw))


@given(raw=st.binary(max_size=120), flips=st.lists(st.integers(0, 200), max_size=4))
def test_noise_is_only_ever_damage(raw, flips):
    changed = bytearray(encode_header(HEADER))
    for at in flips:
        changed[at % len(changed)] ^= 0x10
    for found in (raw, MAGIC + raw, MAGIC + b"\0\1" + raw, bytes(changed)):
        with suppress(Damaged):
            decode_header(found)
    assert set(BlockFrames(0, DATA_ID, 0).unwrap(0, raw, [0, 7, 100])) <= {None}


@given(name=st.text(max_size=50) | st.from_regex(r"[0-9a-f]{32}\.[0-9a-f]{4}\.[0-9a-f]{2}"))
def test_any_name_is_a_shard_or_none(name):
    found = parse_file_name(name)
    assert found is None or file_name(*found).endswith("/" + name)
