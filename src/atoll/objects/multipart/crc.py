"""Combine the CRCs of parts into the CRC of the whole, without its bytes. Pure.

Method    a CRC of A followed by B is crc(A) · x^(8·len(B)) + crc(B) in GF(2)[x] modulo the
          polynomial; the all-ones start and end values cancel. Polynomials are bit-reversed, as in
          the algorithms themselves: the highest bit stands for x^0.
Cost      one power of x per distinct part size, then one multiplication of 32 or 64 steps per part.
Source    Mark Adler's description of crc32_combine in zlib; CRC catalogue for the polynomials.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec


class _Field(msgspec.Struct, frozen=True):
    """A polynomial, bit-reversed, and its width in bits."""

    polynomial: int
    width: int


_FIELDS: Final = {
    "CRC32": _Field(0xEDB88320, 32),
    "CRC32C": _Field(0x82F63B78, 32),
    "CRC64NVME": _Field(0x9A6C9329AC4BC9B5, 64),
}


def is_combinable(algorithm: str) -> bool:
    """Return whether the algorithm's digest of a whole follows from those of its parts."""
    return algorithm in _FIELDS


def combine(algorithm: str, parts: Iterable[tuple[bytes, int]]) -> bytes:
    """Return the CRC of consecutive parts, each given as its CRC (big-endian) and size in bytes."""
    field = _FIELDS[algorithm]
    powers: dict[int, int] = {}
    total = 0
    for digest, size_bytes in parts:
        if size_bytes not in powers:
            powers[size_bytes] = _power(field, 8 * size_bytes)
        total = _multiply(field, powers[size_bytes], total) ^ int.from_bytes(digest, "big")
    return total.to_bytes(field.width // 8, "big")


def _multiply(field: _Field, left: int, right: int) -> int:
    polynomial = field.polynomial
    bit = 1 << (field.width - 1)
    product = 0
    while left:
        if left & bit:
            product ^= right
            left ^= bit
        bit >>= 1
        right = (right >> 1) ^ polynomial if right & 1 else right >> 1
    return product


def _power(field: _Field, exponent: int) -> int:
    """Return x^exponent."""
    result = 1 << (field.width - 1)
    square = 1 << (field.width - 2)
    while exponent:
        if exponent & 1:
            result = _multiply(field, square, result)
        square = _multiply(field, square, square)
        exponent >>= 1
    return result
