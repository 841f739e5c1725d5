"""Combined CRCs are those of the joined bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.objects.digests import checksum_of
from atoll.objects.multipart.crc import combine, is_combinable

CRCS = ("CRC32", "CRC32C", "CRC64NVME")


@given(algorithm=st.sampled_from(CRCS), parts=st.lists(st.binary(max_size=70), max_size=6))
def test_combined_crcs_equal_the_crc_of_the_whole(algorithm: str, parts: list[bytes]) -> None:
    combined = combine(algorithm, [(checksum_of(algorithm, part), len(part)) for part in parts])
    assert combined == checksum_of(algorithm, b"".join(parts))


@pytest.mark.parametrize("algorithm", CRCS)
def test_large_parts_combine(algorithm: str) -> None:
    parts = [bytes([n]) * (5 << 20) for n in range(2)] + [b"end"]
    combined = combine(algorithm, [(checksum_of(algorithm, part), len(part)) for part in parts])
    assert combined == checksum_of(algorithm, b"".join(parts))


def test_only_crcs_combine() -> None:
    assert [is_combinable(name) for name in (*CRCS, "SHA1", "SHA256")] == [True] * 3 + [False] * 2
