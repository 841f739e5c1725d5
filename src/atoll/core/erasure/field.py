"""The field GF(2^8) that the code computes in: polynomial x^8 + x^4 + x^3 + x^2 + 1 (0x11d).

Owns      products and inverses of bytes, as tables.
Invariant addition is exclusive or; 2 generates every element but zero.
Source    ISA-L `ec_base.c`; Plank, "A Tutorial on Reed-Solomon Coding" (1997).
"""

from __future__ import annotations

from typing import Final

POLYNOMIAL: Final = 0x11D


def _power_tables() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return powers of 2 (twice around, so that exponents add without a modulus) and logarithms."""
    powers = [0] * 510
    logarithms = [0] * 256
    element = 1
    for exponent in range(255):
        powers[exponent] = powers[exponent + 255] = element
        logarithms[element] = exponent
        element <<= 1
        if element & 0x100:
            element ^= POLYNOMIAL
    return tuple(powers), tuple(logarithms)


_POWERS, _LOGARITHMS = _power_tables()


def multiply(left: int, right: int, /) -> int:
    """Return the product of two elements."""
    if left == 0 or right == 0:
        return 0
    return _POWERS[_LOGARITHMS[left] + _LOGARITHMS[right]]


def invert(element: int) -> int:
    """Return the inverse of an element; zero has none and gives zero, as in ISA-L."""
    return _POWERS[255 - _LOGARITHMS[element]] if element else 0


def product_table(factor: int) -> bytes:
    """Return the 256 products of `factor`, for `bytes.translate`."""
    return bytes(multiply(factor, element) for element in range(256))
