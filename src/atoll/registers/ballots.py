"""Ballots of one proposer: a hybrid logical clock, the open ballots, and the settled watermark.

Invariant a ballot is open from the moment it is issued until a value at it or above is known
          chosen on its key (or until it is certain that no accept was ever sent at it). The
          watermark of a set is the highest clock below or at which none of this proposer's ballots
          is open.
Source    docs/design/registers.md, "Settled watermark".
"""

from __future__ import annotations

from atoll.base.clock import Clock
from atoll.base.ids import Ballot, Clock64, ballot_clock, clock_from_ms, make_ballot
from atoll.base.units import NS_PER_MS
from atoll.core.quorum.messages import Stamp


class Ballots:
    """The ballots of this process."""

    def __init__(self, clock: Clock, proposer: int) -> None:
        self._clock = clock
        self.proposer = proposer
        self._last = Clock64(0)
        #: Per set, open clocks in the order they were issued, which is ascending.
        self._open: dict[int, dict[int, None]] = {}

    def now(self) -> Clock64:
        """Return the hybrid clock: never below the wall clock nor anything observed, always
        rising."""
        wall = clock_from_ms(self._clock.time_ns() // NS_PER_MS)
        self._last = Clock64(max(wall, self._last + 1))
        return self._last

    def observe(self, ballot: Ballot) -> None:
        """Move the clock behind a ballot seen elsewhere."""
        self._last = Clock64(max(self._last, ballot_clock(ballot)))

    def issue(self, set_index: int) -> Ballot:
        """Return a new ballot, open until `close`."""
        clock = self.now()
        self._open.setdefault(set_index, {})[clock] = None
        return make_ballot(clock, self.proposer)

    def close(self, set_index: int, ballot: Ballot) -> None:
        """The key of `ballot` has a chosen value at it or above, or nothing was ever sent at it."""
        self._open[set_index].pop(ballot_clock(ballot), None)

    def open_count(self, set_index: int) -> int:
        """Return the number of open ballots on keys of a set."""
        return len(self._open.get(set_index, ()))

    def is_open(self, set_index: int, ballot: Ballot) -> bool:
        """Return whether `ballot` is an open ballot of this proposer."""
        return ballot_clock(ballot) in self._open.get(set_index, ())

    def watermark(self, set_index: int) -> int:
        """Return the settled watermark of a set."""
        for clock in self._open.get(set_index, ()):
            return clock - 1
        return self._last

    def stamp(self, set_index: int, epoch: int) -> Stamp:
        """Return the stamp of a message sent now."""
        return Stamp(epoch, self.proposer, self.watermark(set_index))
