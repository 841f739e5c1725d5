"""Quorum sizes of a set of n = k + m drives.

Q2 (accept) holds enough shards to read the bytes back after one more loss where parity allows it,
and is a majority, so that two accepts of one ballot clock cannot both win unseen. Q1 (prepare,
read, scan) is the smallest number of drives that meets every Q2.
"""

from __future__ import annotations

from typing import Final

import msgspec

SET_DRIVES_MAX: Final = 16

_PARITY: Final = {1: 0, 2: 1, 3: 1, 4: 2}


class Quorums(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sizes for one set. `data` is k, `parity` is m; `write` is Q2, `read` is Q1."""

    data: int
    parity: int
    write: int
    read: int

    @property
    def drives(self) -> int:
        """Return n, the number of drives in the set."""
        return self.data + self.parity


def default_parity(drives: int) -> int:
    """Return m for a set of `drives` drives: 0, 1, 1, 2 for 1…4, 2 for 5…7, 3 for 8…11, 4 to 16."""
    if not 1 <= drives <= SET_DRIVES_MAX:
        raise ValueError(f"a set has 1 to {SET_DRIVES_MAX} drives, found {drives}")
    if drives in _PARITY:
        return _PARITY[drives]
    if drives < 8:
        return 2
    return 3 if drives < 12 else 4


def plan_quorums(drives: int, parity: int | None = None) -> Quorums:
    """Return the quorums of a set of `drives` drives with `parity` parity shards.

    Raises
        ValueError: parity leaves no data shard, or more parity than data.
    """
    spare = default_parity(drives) if parity is None else parity
    data = drives - spare
    if spare < 0 or data < 1 or spare > data:
        raise ValueError(f"parity must be 0 to {drives // 2} for {drives} drives, found {spare}")
    durable = data + 1 if spare >= 2 or (spare and data == spare) else data
    write = max(durable, drives // 2 + 1)
    return Quorums(data=data, parity=spare, write=write, read=drives - write + 1)
