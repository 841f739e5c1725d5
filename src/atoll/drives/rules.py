"""Safety rules of an acceptor, each with a switch, so that a proof can show what it is good for.

Production has them all; nothing but a test makes another choice.
"""

from __future__ import annotations

import msgspec


class AcceptorRules(msgspec.Struct, frozen=True, kw_only=True):
    """The rules; docs/design/registers.md gives their reasons."""

    promises_survive_restart: bool = True
    prepare_waits_for_sync: bool = True
    tombstones_leave_horizon: bool = True
    seals_hold: bool = True
    blank_drives_abstain: bool = True
    old_data_is_refused: bool = True
    #: A damaged record keeps refusing every ballot it may have refused whole.
    unreadable_records_bind: bool = True
