"""Drive facts: golden rows, round trips, other keys, rot, later versions, garbage."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from atoll.base.errors import Damaged, FormatUnknown, RecordCorrupt
from atoll.base.ids import Ballot, make_ballot
from atoll.core.formats.drive_fact import (
    Copied,
    Epoch,
    Fact,
    Floor,
    Horizon,
    Owner,
    Seal,
    Watermark,
    decode_fact,
    encode_fact,
)

VECTORS = json.loads(
    (Path(__file__).parents[3] / "vectors" / "formats" / "drive_fact_1.json").read_text()
)
FACTS: dict[str, Fact] = {
    "floor": Floor(0x0102030405060708),
    "horizon": Horizon(make_ballot(0x0102030405060708, 0x1112131415161718)),
    "epoch": Epoch(3),
    "owner": Owner("0123456789abcdef0123456789abcdef"),
    "seal": Seal(2, b"b/12345678", 7, False),
    "lifted seal": Seal(2, b"u/12345678", 8, True),
    "watermark": Watermark(1, 0x1112131415161718, 0x0102030405060708),
    "copied": Copied(4, b"b/12345678key"),
}
U64 = st.integers(0, 2**64 - 1)
SETS = st.integers(0, 65535)
ANY = st.one_of(
    st.builds(Floor, U64),
    st.builds(Horizon, st.binary(min_size=16, max_size=16).map(Ballot)),
    st.builds(Epoch, U64),
    st.builds(Owner, st.text("0123456789abcdef", max_size=32)),
    st.builds(Seal, SETS, st.binary(max_size=20), U64, st.booleans()),
    st.builds(Watermark, SETS, U64, U64),
    st.builds(Copied, SETS, st.binary(max_size=20)),
)


def test_every_kind_has_golden_bytes() -> None:
    assert {type(fact) for fact in FACTS.values()} == set(Fact.__args__)
    assert set(VECTORS) == set(FACTS)


@pytest.mark.parametrize("name", FACTS)
def test_golden_bytes_are_written_and_read(name: str) -> None:
    key, value = (bytes.fromhex(VECTORS[name][part]) for part in ("key", "value"))
    assert encode_fact(FACTS[name]) == (key, value)
    assert decode_fact(key, value) == FACTS[name]


@given(fact=ANY)
def test_facts_come_back_as_they_were(fact: Fact) -> None:
    assert decode_fact(*encode_fact(fact)) == fact


@pytest.mark.parametrize("name", FACTS)
def test_rot_and_other_keys_are_found(name: str) -> None:
    key, value = encode_fact(FACTS[name])
    for end in range(len(value)):
        with pytest.raises(RecordCorrupt):
            decode_fact(key, value[:end])
    for row in (key + value,):
        for bit in range(len(row) * 8):
            flipped = bytearray(row)
            flipped[bit // 8] ^= 1 << bit % 8
            with pytest.raises(RecordCorrupt):
                decode_fact(bytes(flipped[: len(key)]), bytes(flipped[len(key) :]))


def sealed(key: bytes, body: bytes) -> bytes:
    """Return a value under the right checksum."""
    return body + xxhash.xxh3_128_digest(key + body)


def test_a_later_format_is_named() -> None:
    with pytest.raises(FormatUnknown) as caught:
        decode_fact(b"q", sealed(b"q", b"\x02whatever"))
    assert caught.value.fields == {"version": 2}


@pytest.mark.parametrize("key", [b"", b"q", b"f1", b"h1", b"e1", b"o1", b"s1", b"w123", b"c"])
def test_an_unknown_key_is_damage(key: bytes) -> None:
    with pytest.raises(RecordCorrupt):
        decode_fact(key, sealed(key, b"\x01" + bytes(8)))


@given(key=st.sampled_from(b"fheoswcq").map(lambda kind: bytes((kind,))), data=st.data())
def test_noise_is_only_ever_damage(key: bytes, data: st.DataObject) -> None:
    key += data.draw(st.binary(max_size=12))
    body = data.draw(st.binary(max_size=24))
    for value in (body, sealed(key, body), sealed(key, b"\x01" + body)):
        with suppress(Damaged):
            decode_fact(key, value)
