"""Data references as records hold them: golden bytes, and the owner they leave out."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.base.ids import DataId
from atoll.core.formats.data_ref import DataRef, StoredRef, strip_owner, with_owner

VECTORS = json.loads(
    (Path(__file__).parents[3] / "vectors" / "formats" / "data_ref_1.json").read_text()
)
DATA_ID = DataId(bytes(range(16)))
REFS = {
    "file": StoredRef(DATA_ID, 3, 4, 2, 1 << 20, 123_456_789, False, b"x" * 16),
    "packed": StoredRef(DATA_ID, 0, 1, 0, 1 << 20, 4097, True),
}
ANY = st.builds(
    StoredRef,
    st.binary(min_size=16, max_size=16).map(DataId),
    st.integers(0, 65535),
    st.integers(1, 16),
    st.integers(0, 8),
    st.just(1 << 20),
    st.integers(0, 5 << 40),
    st.booleans(),
    st.sampled_from([b"", b"h" * 16]),
)


@pytest.mark.parametrize("name", REFS)
def test_golden_bytes_are_written_and_read(name: str) -> None:
    golden = bytes.fromhex(VECTORS[name])
    assert msgspec.msgpack.encode(REFS[name]) == golden
    assert msgspec.msgpack.decode(golden, type=StoredRef) == REFS[name]


@given(ref=ANY)
def test_references_come_back_as_they_were(ref: StoredRef) -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(ref), type=StoredRef) == ref


@given(raw=st.binary(max_size=60))
def test_noise_is_no_reference_or_a_decoding_error(raw: bytes) -> None:
    # The record around it turns exactly this error into RecordCorrupt.
    with suppress(msgspec.DecodeError):
        msgspec.msgpack.decode(b"\x98" + raw, type=StoredRef)


@given(ref=ANY, key=st.binary(max_size=20))
def test_a_reference_gets_its_owner_back(ref: StoredRef, key: bytes) -> None:
    owned = with_owner(ref, key)
    assert isinstance(owned, DataRef)
    assert owned.key == key
    assert strip_owner(owned) == ref
