"""Fold votes: pending, reached or lost. Pure; the only place that decides when a round is over."""

from __future__ import annotations

from enum import Enum


class Outcome(Enum):
    """What a round of votes has come to."""

    PENDING = "pending"
    REACHED = "reached"
    LOST = "lost"


def fold(needed: int, total: int, ok: int, failed: int) -> Outcome:
    """Return the state of a round of `total` votes of which `needed` must be ok."""
    assert 0 <= ok + failed <= total
    if ok >= needed:
        return Outcome.REACHED
    if total - failed < needed:
        return Outcome.LOST
    return Outcome.PENDING
