"""Time and randomness, injected: nothing outside this file reads a clock or draws a random number.

`Clock.time_ns` is the wall clock, `Clock.monotonic_s` never runs backwards. The simulation
supplies its own.
"""

from __future__ import annotations

import secrets
import time
from typing import Protocol


class Clock(Protocol):
    """A source of time."""

    def time_ns(self) -> int:
        """Return nanoseconds since 1970; may jump."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds since an arbitrary start; never runs backwards."""
        ...


class Entropy(Protocol):
    """A source of random bits."""

    def random_bytes(self, count: int) -> bytes:
        """Return `count` random bytes."""
        ...

    def random_u64(self) -> int:
        """Return a random number below 2**64."""
        ...


class SystemClock:
    """The clock of the machine."""

    def time_ns(self) -> int:
        """Return nanoseconds since 1970."""
        return time.time_ns()

    def monotonic_s(self) -> float:
        """Return seconds since an arbitrary start."""
        return time.monotonic()


class SystemEntropy:
    """Randomness of the operating system."""

    def random_bytes(self, count: int) -> bytes:
        """Return `count` unpredictable bytes."""
        return secrets.token_bytes(count)

    def random_u64(self) -> int:
        """Return an unpredictable number below 2**64."""
        return int.from_bytes(secrets.token_bytes(8), "big")
