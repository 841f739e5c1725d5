"""Digests of content, against published values."""

from __future__ import annotations

import pytest

from atoll.base.errors import DigestMismatch, InvalidDigest
from atoll.base.streams import PromisedDigests
from atoll.objects.digests import CHECKSUM_BYTES, ContentDigests, checksum_of

#: The check values of the CRC catalogue, and FIPS 180 for the rest of "123456789".
CHECKS = {
    "CRC32": "cbf43926",
    "CRC32C": "e3069283",
    "CRC64NVME": "ae8b14860a799888",
    "SHA1": "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
    "SHA256": "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
}


@pytest.mark.parametrize("algorithm", CHECKS)
def test_checksums_have_their_published_check_values(algorithm: str) -> None:
    digests = ContentDigests([algorithm])
    for chunk in (b"1234", memoryview(b"567"), b"", b"89"):
        digests.update(chunk)
    checksum = digests.checksum(algorithm)
    assert checksum.value.hex() == CHECKS[algorithm]
    assert len(checksum.value) == CHECKSUM_BYTES[algorithm]
    assert checksum_of(algorithm, b"123456789") == checksum.value
    assert digests.md5().hex() == "25f9e794323b453885f5181f1b624d0b"
    assert digests.size_bytes == 9


def test_broken_promises_are_named() -> None:
    digests = ContentDigests(["CRC32"])
    digests.update(b"content")
    digests.verify(PromisedDigests(md5=digests.md5()))
    with pytest.raises(DigestMismatch) as caught:
        digests.verify(PromisedDigests(md5=bytes(16)))
    assert caught.value.fields["algorithm"] == "MD5"
    with pytest.raises(DigestMismatch):
        digests.verify(PromisedDigests(checksums={"CRC32": bytes(4)}))
    with pytest.raises(InvalidDigest):
        digests.verify(PromisedDigests(checksums={"SHA1": bytes(20)}))


def test_unknown_algorithms_are_refused() -> None:
    with pytest.raises(InvalidDigest):
        ContentDigests(["MD4"])
