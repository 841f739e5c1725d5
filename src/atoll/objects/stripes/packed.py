"""Small content on n drives: one packed shard each, durable in the drive's database.

Owns      the fan-out of packed shards and its fold.
Order     all drives at once; answered when a write quorum is durable. Drives whose commit is merely
          late go on alone and are reported.
"""

from __future__ import annotations

from collections.abc import Sequence

from atoll.base.errors import DriveFault, DriveMissing, DriveSlow
from atoll.base.ids import DriveId
from atoll.drives.contract import PackedShard, ShardShape
from atoll.objects.stripes.encoder import EncodedBatch
from atoll.objects.stripes.limits import Limits
from atoll.objects.stripes.replies import ask, fault_of, quorum_error, settle
from atoll.objects.stripes.writer import Target


async def put_packed(
    targets: Sequence[Target],
    shape: ShardShape,
    encoded: EncodedBatch,
    *,
    needed: int,
    limits: Limits,
) -> list[DriveId]:
    """Store one shard on each target; return the drives that do not hold theirs, as far as known.

    Raises
        QuorumLost, StorageFull: fewer than `needed` are durable.
    """
    faults: dict[DriveId, DriveFault] = {}
    replies = {}
    for target in targets:
        blocks = tuple(encoded.shards[target.address.index])
        if target.drive is None:
            faults[target.drive_id] = DriveMissing(drive=target.drive_id)
        else:
            shard = PackedShard(target.address, shape, blocks)
            replies[target.drive_id] = ask(target.drive.put_shards, [shard])
    await settle(
        replies.values(),
        needed=needed,
        patience_s=limits.commit_patience_s,
        hang_s=limits.hang_s,
    )
    for drive_id, reply in replies.items():
        fault = fault_of(reply) if reply.done() else DriveSlow(drive=drive_id)
        if fault is not None:
            faults[drive_id] = fault
    if len(targets) - len(faults) < needed:
        raise quorum_error(needed, len(targets) - len(faults), list(faults.values()))
    return list(faults)
