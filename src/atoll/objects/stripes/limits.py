"""How long the bytes of an object wait for a drive, and how far a reader runs ahead.

Owns      numbers with their reasons; they are arguments, so that tests and operators can set
          others.
"""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Times in seconds, amounts in stripes."""

    #: A drive this far behind a full write quorum loses its shard of the object. Generous: drives
    #: that share a device take turns, and a dropped shard costs a heal.
    write_patience_s: float = 5.0
    #: How long an upload waits for the last drives' sync once a write quorum is durable.
    commit_patience_s: float = 0.5
    #: How long nothing may happen at all before drives count as hung: below the 5 s in which a
    #: request without a quorum must fail.
    hang_s: float = 4.0
    #: A shard that takes longer to read is asked for from parity as well.
    hedge_s: float = 0.25
    #: Stripes read by one job per shard, and held twice: one batch is read while the other is sent.
    read_stripes: int = 4
