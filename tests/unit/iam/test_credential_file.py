"""The credentials file: golden document, round trip, garbage."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.base.errors import Damaged, RecordCorrupt
from atoll.base.ids import ClusterId
from atoll.config.credentials import KeyPair
from atoll.core.formats.sealed_json import seal_json
from atoll.iam.credential_file import StoredPair, decode_credentials, encode_credentials

VECTORS = json.loads(
    (Path(__file__).parents[2] / "vectors" / "formats" / "credentials_1.json").read_text()
)
STORED = StoredPair(
    cluster_id=ClusterId("c" * 32), generation=2, pair=KeyPair("AKEXAMPLE", 'a secret \\ " pair')
)
KEYS = st.text([chr(code) for code in range(0x21, 0x7F) if chr(code) not in "/,=:"], min_size=8)


def test_the_golden_document_is_written_and_read() -> None:
    golden = VECTORS["credentials"].encode()
    assert encode_credentials(STORED) == golden
    assert decode_credentials(golden) == STORED


@given(generation=st.integers(0, 2**63 - 1), access_key=KEYS, secret_key=KEYS)
def test_pairs_come_back_as_they_were(generation: int, access_key: str, secret_key: str) -> None:
    pair = KeyPair(access_key[:128], secret_key[:128])
    stored = StoredPair(cluster_id=ClusterId("c"), generation=generation, pair=pair)
    assert decode_credentials(encode_credentials(stored)) == stored


def test_a_pair_that_nobody_could_use_is_damage() -> None:
    with pytest.raises(RecordCorrupt) as caught:
        decode_credentials(seal_json(KeyPair("short", "secret-in-no-message"), 1))
    assert "secret-in-no-message" not in str(caught.value)


@given(raw=st.binary(max_size=100))
def test_noise_is_only_ever_damage(raw: bytes) -> None:
    with suppress(Damaged):
        decode_credentials(raw)
