"""Combine the CRCs of parts into the CRC of the whole, without its bytes. Pure.

Method    a CRC of A followed by B is crc(A) · x^(8·len(B)) + crc(B) in GF(2)[x] modulo the
          polynomial; the library does the multiplication.
Cost      microseconds per part, whatever its size: 10,000 parts hold up nobody else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from awscrt import checksums as crt

from atoll.objects.digests import CHECKSUM_BYTES

#: (CRC of what comes first, CRC of what follows, size in bytes of what follows) → CRC of both.
_COMBINERS: Final[dict[str, Callable[[int, int, int], int]]] = {
    "CRC32": crt.combine_crc32,
    "CRC32C": crt.combine_crc32c,
    "CRC64NVME": crt.combine_crc64nvme,
}


def is_combinable(algorithm: str) -> bool:
    """Return whether the algorithm's digest of a whole follows from those of its parts."""
    return algorithm in _COMBINERS


def combine(algorithm: str, parts: Iterable[tuple[bytes, int]]) -> bytes:
    """Return the CRC of consecutive parts, each given as its CRC (big-endian) and size in bytes."""
    combine_two = _COMBINERS[algorithm]
    total = 0
    for digest, size_bytes in parts:
        total = combine_two(total, int.from_bytes(digest, "big"), size_bytes)
    return total.to_bytes(CHECKSUM_BYTES[algorithm], "big")
