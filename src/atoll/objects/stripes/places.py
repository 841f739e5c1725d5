"""Where the shards of some data lie: for each shard index its drive and address. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from atoll.base.ids import DriveId
from atoll.core.erasure.geometry import shard_order
from atoll.core.formats.data_ref import DataRef
from atoll.core.placement.cluster_map import ErasureSet
from atoll.drives.contract import Drive, ShardAddress, ShardShape
from atoll.objects.stripes.writer import Target


def plan_targets(ref: DataRef, place: ErasureSet, drives: Mapping[DriveId, Drive]) -> list[Target]:
    """Return the drives of the shards of some data, by shard index."""
    assert len(place.drives) == ref.data + ref.parity, "the set has another geometry"
    targets: list[Target] = []
    for index, position in enumerate(shard_order(ref.data_id, len(place.drives))):
        drive_id = place.drives[position]
        address = ShardAddress(ref.set_index, ref.key, ref.data_id, index)
        targets.append(Target(drive_id, drives.get(drive_id), address))
    return targets


def shape_of(ref: DataRef) -> ShardShape:
    """Return the shape of the shards of some data."""
    return ShardShape(ref.data, ref.parity, ref.stripe_bytes, ref.size_bytes)
