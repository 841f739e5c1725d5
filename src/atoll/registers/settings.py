"""Timing and safety rules of the register protocol."""

from __future__ import annotations

import msgspec


class RegisterSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of rounds and retries, in seconds.

    `write_s` bounds one write with all its retries, and apart from that its wait for its turn. It
    must stay below `orphan_grace_s`: a writer whose first attempt was lost may name its data again
    until then.
    """

    round_s: float = 5.0
    hedge_s: float = 0.05
    #: How long heal waits for the last drives of a set once a read quorum answered.
    straggler_s: float = 0.5
    write_s: float = 20.0
    backoff_s: float = 0.002
    backoff_max_s: float = 0.5
    #: A record younger than this is probably still being written: look again before completing it.
    young_s: float = 0.1
    reread_s: float = 0.02
    #: Readers that hold a version on another node finish within this time or retry.
    reader_grace_s: float = 2.0
    orphan_grace_s: float = 60.0
    #: Open ballots of a set: far above what requests in flight have. Only drives that promise but
    #: cannot accept, for a long time, let ballots of unknown outcome pile up.
    open_ballots_max: int = 32_768
    #: How often a key whose value cannot be completed is tried again at most.
    resolve_max_s: float = 5.0


class RegisterRules(msgspec.Struct, frozen=True, kw_only=True):
    """Safety rules that proofs switch off one by one; production has them all."""

    readers_write_back: bool = True
    read_quorum_is_whole: bool = True
    watermark_is_taken_before: bool = True
    watermark_waits_for_open: bool = True
    retries_look_first: bool = True
    rounds_share_epoch: bool = True
