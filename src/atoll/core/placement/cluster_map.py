"""The cluster map: which set holds a slot, which drives form a set.

A value; whoever needs it gets it as an argument or through `registers.MapSource`. A change makes a
new map with a higher epoch.
"""

from __future__ import annotations

from typing import Final

import msgspec
import xxhash

from atoll.base.ids import ClusterId, DriveId, SetIndex
from atoll.core.quorum.sizes import Quorums

SLOTS_DEFAULT: Final = 1024


class ErasureSet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """n drives that together hold a key. A drive's position is its shard index before rotation."""

    index: SetIndex
    drives: tuple[DriveId, ...]
    quorums: Quorums


class ClusterMap(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One epoch of the cluster's layout.

    `slot_sets[slot]` is the index of the set that holds it.
    """

    cluster_id: ClusterId
    epoch: int
    #: Keeps placement of one cluster unlike that of another, so that no key list is bad for all.
    seed: int
    sets: tuple[ErasureSet, ...]
    slot_sets: tuple[int, ...]

    def slot_of(self, place: bytes) -> int:
        """Return the slot of a place key."""
        return xxhash.xxh3_64_intdigest(place, self.seed) % len(self.slot_sets)

    def set_of(self, place: bytes) -> ErasureSet:
        """Return the set that holds a place key."""
        if len(self.sets) == 1:
            return self.sets[0]
        return self.sets[self.slot_sets[self.slot_of(place)]]
