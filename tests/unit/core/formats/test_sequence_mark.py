"""The sequence mark: golden bytes, rot, later versions, garbage."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from atoll.base.errors import Damaged, FormatUnknown, RecordCorrupt
from atoll.core.formats.sequence_mark import MAGIC, decode_mark, encode_mark

VECTORS = json.loads(
    (Path(__file__).parents[3] / "vectors" / "formats" / "sequence_mark_1.json").read_text()
)


@pytest.mark.parametrize("sequence", [0, 1234567890123, 2**64 - 1])
def test_golden_bytes_are_written_and_read(sequence: int) -> None:
    golden = bytes.fromhex(VECTORS[str(sequence)])
    assert encode_mark(sequence) == golden
    assert decode_mark(golden) == sequence


@given(sequence=st.integers(0, 2**64 - 1))
def test_marks_come_back_as_they_were(sequence: int) -> None:
    assert decode_mark(encode_mark(sequence)) == sequence


def test_every_cut_and_every_flipped_bit_is_found() -> None:
    raw = encode_mark(77)
    for end in range(len(raw)):
        with pytest.raises(RecordCorrupt):
            decode_mark(raw[:end])
    for bit in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(RecordCorrupt):
            decode_mark(bytes(flipped))


def test_a_later_format_is_named_whatever_its_length() -> None:
    body = MAGIC + b"\0\2" + b"something longer than a number"
    with pytest.raises(FormatUnknown) as caught:
        decode_mark(body + xxhash.xxh3_128_digest(body))
    assert caught.value.fields == {"version": 2}


@given(body=st.binary(max_size=40))
def test_noise_is_only_ever_damage(body: bytes) -> None:
    for raw in (body, MAGIC + body, MAGIC + body + xxhash.xxh3_128_digest(MAGIC + body)):
        with suppress(Damaged):
            decode_mark(raw)
