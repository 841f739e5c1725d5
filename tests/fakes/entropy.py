"""Time and randomness that tests control."""

from __future__ import annotations

import hashlib


class StepClock:
    """A clock that moves on by a step at every look, or when told."""

    def __init__(self, *, step_ns: int = 1_000_000) -> None:
        self.now_ns = 1_700_000_000_000_000_000
        self.step_ns = step_ns
        self.seconds = 0.0

    def time_ns(self) -> int:
        """Return nanoseconds since 1970."""
        self.now_ns += self.step_ns
        return self.now_ns

    def monotonic_s(self) -> float:
        """Return seconds since the start."""
        return self.seconds


class CountingEntropy:
    """Random bits that repeat from run to run."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._count = 0

    def random_bytes(self, count: int) -> bytes:
        """Return bytes that never came before."""
        self._count += 1
        return hashlib.shake_128(f"{self._seed}/{self._count}".encode()).digest(count)

    def random_u64(self) -> int:
        """Return a number that never came before."""
        return int.from_bytes(self.random_bytes(8), "big")
