"""Units: byte and time multiples, and how they are written for people."""

from __future__ import annotations

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB
GIB: Final = 1024 * MIB
TIB: Final = 1024 * GIB

NS_PER_S: Final = 1_000_000_000
NS_PER_MS: Final = 1_000_000

_SUFFIXES: Final = {
    "": 1,
    "b": 1,
    "k": 1000,
    "kb": 1000,
    "kib": KIB,
    "m": 1000**2,
    "mb": 1000**2,
    "mib": MIB,
    "g": 1000**3,
    "gb": 1000**3,
    "gib": GIB,
    "t": 1000**4,
    "tb": 1000**4,
    "tib": TIB,
}


def parse_size(text: str) -> int:
    """Return bytes of a size such as `512`, `64KiB` or `1.5 GB`.

    Raises
        ValueError: the text is not a number with a known unit.
    """
    body = text.strip().lower().replace("_", "").replace(",", "")
    digits = body.rstrip("bkmgti ")
    unit = body[len(digits) :].strip()
    if unit not in _SUFFIXES:
        raise ValueError(f"unknown unit in size {text!r}; expected one of KiB MiB GiB TiB")
    return int(float(digits) * _SUFFIXES[unit])


def render_size(size_bytes: float) -> str:
    """Return a size for people, in binary units."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(size_bytes) < 1024 or unit == "TiB":
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1024
    raise AssertionError("unreachable")


def render_duration(seconds: float) -> str:
    """Return a duration for people."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.1f} min"
    if seconds < 172_800:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86_400:.1f} d"
