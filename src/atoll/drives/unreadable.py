"""What damaged records still bind a drive to: no ballot that they may have promised or accepted.

Owns      a ballot per damaged record, at or above everything the drive promised or accepted on its
          key; an accept above it may replace the record.
Why       to accept, a drive must know what it promised and accepted only as far as that no ballot
          at or below it passes. The value matters to prepares and reads alone, and those fail until
          the record was replaced; a read quorum of the other drives meets every chosen value.
Invariant a bound is taken when the damage is met, from the highest ballot the drive saw until then;
          from that moment on the key takes nothing but the accept that replaces its record.
Bounds    a record that leaves memory is bounded anew, higher, when it is met again.
"""

from __future__ import annotations

from typing import Final

from atoll.base.ids import Ballot, make_ballot

UNREADABLE_MAX: Final = 65_536
_PROPOSER_LAST: Final = (1 << 64) - 1


class UnreadableRecords:
    """The damaged records a drive has met, by store key."""

    __slots__ = ("_bounds",)

    def __init__(self) -> None:
        self._bounds: dict[bytes, Ballot] = {}

    def bind(self, stored: bytes, highest_clock: int) -> Ballot:
        """Return the bound of a damaged record; the first call since its last change takes it."""
        bounds = self._bounds
        bound = bounds.get(stored)
        if bound is None:
            if len(bounds) >= UNREADABLE_MAX:
                del bounds[next(iter(bounds))]
            bound = bounds[stored] = make_ballot(highest_clock, _PROPOSER_LAST)
        return bound

    def forget(self, stored: bytes) -> bool:
        """The record is being replaced; return whether it was damaged."""
        return self._bounds.pop(stored, None) is not None
