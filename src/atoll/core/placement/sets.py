"""Choose sets for drives and slots for sets: the first map of a cluster, and small steps from it.

Owns      which n drives form a set, and which set holds a slot.
Does not  keep the map (it is stored; nobody recomputes it at a start) or move bytes.
Sets      n = min(drives, 16) unless told. Where n divides the number of drives they are cut into
          disjoint sets in the order given. Otherwise sets overlap: each takes the n drives that are
          in the fewest sets so far, and rendezvous hashing decides between equals. The number of
          sets is the smallest that puts every drive within 20 % of the mean; fewer sets keep
          listings cheap, since a listing reads every set.
Slots     every set holds floor or ceiling of slots / sets. Each slot prefers sets by rendezvous
          hash, so that one set more takes slots from all and leaves most where they are.
Invariant equal arguments give an equal map on every machine and version; vectors pin it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

import msgspec
import xxhash

from atoll.base.ids import ClusterId, DriveId, SetIndex
from atoll.core.placement.cluster_map import SLOTS_DEFAULT, ClusterMap, ErasureSet
from atoll.core.quorum.sizes import SET_DRIVES_MAX, plan_quorums

#: How far the load of a drive may lie from the mean when sets overlap, as num / den.
_SPREAD_NUM: Final = 1
_SPREAD_DEN: Final = 5

_NUMBER: Final = struct.Struct(">I")


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator may choose about the shape of a cluster. None: by the number of drives."""

    set_drives: int | None = None
    parity: int | None = None
    slots: int = SLOTS_DEFAULT


def plan_set_drives(drives: int, set_drives: int | None = None) -> int:
    """Return n, the drives per set.

    Raises
        ValueError: n is not between 1 and the smaller of 16 and the number of drives.
    """
    if drives < 1:
        raise ValueError("a cluster has at least one drive, found none")
    most = min(drives, SET_DRIVES_MAX)
    wanted = most if set_drives is None else set_drives
    if not 1 <= wanted <= most:
        raise ValueError(f"a set of {drives} drives in all has 1 to {most} drives, found {wanted}")
    return wanted


def plan_sets(
    drive_ids: Sequence[DriveId], set_drives: int | None = None, parity: int | None = None
) -> tuple[ErasureSet, ...]:
    """Return the sets of a cluster.

    Raises
        ValueError: a drive is named twice, or n or the parity is out of range.
    """
    if len(set(drive_ids)) < len(drive_ids):
        raise ValueError("expected different drives, found one twice")
    size = plan_set_drives(len(drive_ids), set_drives)
    quorums = plan_quorums(size, parity)
    if len(drive_ids) % size == 0:
        groups = [
            tuple(drive_ids[start : start + size]) for start in range(0, len(drive_ids), size)
        ]
    else:
        groups = _plan_overlapping(drive_ids, size)
    return tuple(
        ErasureSet(index=SetIndex(index), drives=drives, quorums=quorums)
        for index, drives in enumerate(groups)
    )


def count_sets(drives: int, size: int) -> int:
    """Return the number of sets of `size` drives that spreads load well over `drives` drives."""
    if drives % size == 0:
        return drives // size
    count = -(-drives // size)
    while not _is_even(count * size, drives):
        count += 1
    return count


def plan_slots(seed: int, sets: int, slots: int = SLOTS_DEFAULT) -> tuple[int, ...]:
    """Return the set of each slot; all sets hold the same number of slots, or one more.

    Raises
        ValueError: there are fewer slots than sets.
    """
    if not 1 <= sets <= slots:
        raise ValueError(f"{slots} slots hold 1 to {slots} sets, found {sets}")
    wishes = sorted(
        (-_score(seed, set_index, slot), slot, set_index)
        for slot in range(slots)
        for set_index in range(sets)
    )
    room = _plan_room(seed, sets, slots)
    chosen = [-1] * slots
    for _, slot, set_index in wishes:
        if chosen[slot] < 0 and room[set_index] > 0:
            chosen[slot] = set_index
            room[set_index] -= 1
    return tuple(chosen)


def plan_map(
    *,
    cluster_id: ClusterId,
    epoch: int,
    seed: int,
    drives: Sequence[DriveId],
    layout: Layout | None = None,
) -> ClusterMap:
    """Return the map of a cluster that begins with `drives`.

    Raises
        ValueError: the layout does not fit the drives.
    """
    chosen = layout or Layout()
    sets = plan_sets(drives, chosen.set_drives, chosen.parity)
    return ClusterMap(
        cluster_id=cluster_id,
        epoch=epoch,
        seed=seed,
        sets=sets,
        slot_sets=plan_slots(seed, len(sets), chosen.slots),
    )


def plan_replacement(present: ClusterMap, *, leaving: DriveId, joining: DriveId) -> ClusterMap:
    """Return the next epoch, in which `joining` stands at every place of `leaving`.

    Positions stay, since a position decides which shard a drive holds.

    Raises
        ValueError: `leaving` is in no set, or `joining` is in one.
    """
    members = {drive for one in present.sets for drive in one.drives}
    if leaving not in members:
        raise ValueError(f"expected a drive of the cluster, found {leaving}")
    if joining in members:
        raise ValueError(f"expected a drive outside the cluster, found {joining}")
    sets = tuple(
        msgspec.structs.replace(
            one, drives=tuple(joining if drive == leaving else drive for drive in one.drives)
        )
        for one in present.sets
    )
    return msgspec.structs.replace(present, epoch=present.epoch + 1, sets=sets)


def _plan_overlapping(drive_ids: Sequence[DriveId], size: int) -> list[tuple[DriveId, ...]]:
    loads = dict.fromkeys(drive_ids, 0)
    groups: list[tuple[DriveId, ...]] = []
    for index in range(count_sets(len(drive_ids), size)):
        salt = _NUMBER.pack(index)
        ranked = sorted(drive_ids, key=lambda drive: (loads[drive], -_weigh(salt, drive), drive))
        group = tuple(ranked[:size])
        for drive in group:
            loads[drive] += 1
        groups.append(group)
    return groups


def _is_even(places: int, drives: int) -> bool:
    # Loads are floor and ceiling of places / drives; both must lie within the spread of the mean.
    low, high = places // drives, -(-places // drives)
    slack = places * _SPREAD_NUM
    return (
        places * _SPREAD_DEN - low * drives * _SPREAD_DEN <= slack
        and high * drives * _SPREAD_DEN - places * _SPREAD_DEN <= slack
    )


def _plan_room(seed: int, sets: int, slots: int) -> list[int]:
    room = [slots // sets] * sets
    ranked = sorted(range(sets), key=lambda index: (_score(seed, index, slots), index))
    for index in ranked[: slots % sets]:
        room[index] += 1
    return room


def _score(seed: int, set_index: int, slot: int) -> int:
    return xxhash.xxh3_64_intdigest(_NUMBER.pack(set_index) + _NUMBER.pack(slot), seed)


def _weigh(salt: bytes, drive: DriveId) -> int:
    return xxhash.xxh3_64_intdigest(salt + drive.encode("utf-8"))
