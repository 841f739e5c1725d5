"""Estimate how many keys a sweep will meet, from what drives say of their databases. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from atoll.base.ids import DriveId
from atoll.core.placement.cluster_map import ErasureSet


def estimate_keys(
    records: Mapping[DriveId, int], sets: Sequence[ErasureSet], chosen: Iterable[ErasureSet]
) -> int:
    """Return about how many keys the chosen sets hold; 0: nothing is known.

    `records` are the counts of the drives that are there. A drive's records are taken to be spread
    evenly over its sets, and every drive of a set to hold all of its keys.
    """
    memberships = Counter(drive_id for on in sets for drive_id in on.drives)
    total = 0.0
    for on in chosen:
        shares = [records[one] / memberships[one] for one in on.drives if one in records]
        total += max(shares, default=0.0)
    return round(total)
