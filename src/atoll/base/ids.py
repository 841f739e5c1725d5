"""Identities: opaque values, one constructor each; a ballot is never taken for a data id.

Clocks are hybrid logical: milliseconds since 1970 in the upper 44 bits, a counter in the lower 20.
Ballots, data ids and write ids are fixed 16-byte strings whose byte order is their order, so they
compare, sort and store without conversion.
"""

from __future__ import annotations

import struct
from typing import Final, NewType

ClusterId = NewType("ClusterId", str)
DriveId = NewType("DriveId", str)
SetIndex = NewType("SetIndex", int)
Slot = NewType("Slot", int)
#: Hybrid logical clock, u64.
Clock64 = NewType("Clock64", int)
#: Random u64, drawn anew at each start of a process.
ProposerId = NewType("ProposerId", int)
#: clock u64 big-endian, proposer u64 big-endian.
Ballot = NewType("Ballot", bytes)
#: clock u64 big-endian of the upload's start, proposer u64 big-endian with a sequence mixed in.
DataId = NewType("DataId", bytes)
#: 16 random bytes; names one write of one client request for ever.
WriteId = NewType("WriteId", bytes)

CLOCK_COUNTER_BITS: Final = 20
BALLOT_ZERO: Final = Ballot(bytes(16))

_PAIR: Final = struct.Struct(">QQ")


def make_ballot(clock: int, proposer: int) -> Ballot:
    """Return the ballot of `proposer` at `clock`."""
    return Ballot(_PAIR.pack(clock, proposer))


def ballot_clock(ballot: bytes) -> int:
    """Return the hybrid clock of a ballot or data id."""
    return int.from_bytes(ballot[:8], "big")


def ballot_proposer(ballot: bytes) -> int:
    """Return the proposer of a ballot."""
    return int.from_bytes(ballot[8:16], "big")


def make_data_id(clock: int, unique: int) -> DataId:
    """Return a data id from the clock of its upload's start and 64 random bits."""
    return DataId(_PAIR.pack(clock, unique))


def clock_from_ms(time_ms: int) -> Clock64:
    """Return the smallest hybrid clock of a wall-clock millisecond."""
    return Clock64(time_ms << CLOCK_COUNTER_BITS)


def clock_to_ms(clock: int) -> int:
    """Return the wall-clock millisecond of a hybrid clock."""
    return clock >> CLOCK_COUNTER_BITS
