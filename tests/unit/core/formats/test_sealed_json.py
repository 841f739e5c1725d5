"""Sealed JSON: what is written comes back, rot is found, a later version is told from rot."""

from __future__ import annotations

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.base.errors import Damaged, FormatUnknown, RecordCorrupt
from atoll.core.formats.sealed_json import open_json, seal_json


class Note(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    text: str
    numbers: tuple[int, ...] = ()


class Longer(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    numbers: tuple[int, ...] = ()
    more: int = 1


def read(raw: bytes) -> Note:
    return open_json(raw, Note, 1, record="note")


#: Of the printable kind, quotation marks and what looks like a checksum among them.
TEXTS = st.text(max_size=40) | st.just('"checksum": "' + "0" * 32 + '"') | st.just("0" * 32)


@given(text=TEXTS, numbers=st.lists(st.integers(0, 2**64 - 1), max_size=3).map(tuple))
def test_documents_come_back_as_they_were(text: str, numbers: tuple[int, ...]) -> None:
    note = Note(text=text, numbers=numbers)
    assert read(seal_json(note, 1)) == note


def test_every_cut_and_every_flipped_bit_is_found() -> None:
    raw = seal_json(Note(text="words", numbers=(1, 2)), 1)
    damaged = [raw[:end] for end in range(len(raw))]
    for bit in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        damaged.append(bytes(flipped))
    for found in damaged:
        with pytest.raises(RecordCorrupt):
            read(found)


def test_a_later_format_is_named_whatever_it_says() -> None:
    with pytest.raises(FormatUnknown) as caught:
        read(seal_json(Longer(text="words"), 2))
    assert caught.value.fields == {"version": 2}


def test_a_member_that_this_format_does_not_have_is_damage() -> None:
    with pytest.raises(RecordCorrupt):
        read(seal_json(Longer(text="words"), 1))


@given(raw=st.binary(max_size=100) | st.text(max_size=60).map(str.encode))
def test_noise_is_only_ever_damage(raw: bytes) -> None:
    with suppress(Damaged):
        read(raw)
