"""Jobs of a simulated cluster: tombstones, repair, orphans, and the removal of buckets.

Owns      what a job does in one pass, with the registers that production has. Each pass runs in a
          host and dies with it; a fault ends it, and the next pass begins again.
"""

from __future__ import annotations

from contextlib import suppress

from atoll.base.errors import Conflict, NotFound, StoreError
from atoll.base.ids import CLOCK_COUNTER_BITS, DataId, ballot_clock, clock_from_ms
from atoll.core.quorum.messages import Detail, Value
from atoll.drives.facts import Facts
from atoll.registers.contract import Change, ScanRange
from atoll.registers.members import Spot
from sim.clients import cell_of
from sim.world import KEYS_END, Host, World

#: Orphans younger than this may belong to a writer that is about to name them.
ORPHAN_AGE = (48 * 3600 * 1000) << CLOCK_COUNTER_BITS


async def collect_tombstones(host: Host) -> int:
    """Drop old tombstones that every drive holds, and repair what drives miss."""
    repairer = host.registers.repairer
    dropped = 0
    for on in host.map.current().sets:
        start = b"\0"
        while start:
            rows, start = await repairer.list_page(on, start, KEYS_END, 50)
            for row in rows:
                if repairer.is_old_tombstone(row):
                    is_dropped = await repairer.drop_tombstone(Spot(on, row.key), row.ballot)
                    host.seen["tombstone dropped"] += is_dropped
                    dropped += is_dropped
    return dropped


async def repair_all(host: Host) -> None:
    """Put every newest record on every drive."""
    repairer = host.registers.repairer
    for on in host.map.current().sets:
        start = b"\0"
        while start:
            rows, start = await repairer.list_page(on, start, KEYS_END, 50)
            for row in rows:
                with suppress(StoreError):
                    host.seen["record repaired"] += await repairer.repair(Spot(on, row.key))


async def scan_orphans(world: World, host: Host) -> int:
    """Remove old shards that no chosen value names; return how many data ids went."""
    now = clock_from_ms(host.clock.time_ns() // 1_000_000)
    old: dict[tuple[bytes, DataId], None] = {}
    for machine in world.machines:
        for shard in sorted(machine.shards):
            if ballot_clock(shard[1]) < now - ORPHAN_AGE:
                old[shard] = None
    removed = 0
    for key, data_id in old:
        spot = host.registers.spot(cell_of(key))
        if world.rules.jobs.orphan_scan_completes:
            record = await host.registers.repairer.confirm(spot)
        else:
            record = await host.registers.reader.read(spot, Detail.HEAD)
        if record is not None and data_id in record.value.data_ids:
            continue
        for machine in world.members(spot.on):
            machine.delete_shard((key, data_id))
        removed += 1
        world.seen["orphan removed"] += 1
    return removed


# ── buckets ──────────────────────────────────────────────────────────────────────────────────────


class Bucket:
    """A prefix with an owner register: `live:e`, `deleting:e`, or gone for ever."""

    def __init__(self, number: int) -> None:
        incarnation = number.to_bytes(8, "big")
        self.prefix = b"b/" + incarnation
        self.owner = b"o/" + incarnation
        self.keys = [self.prefix + b"%d" % index for index in range(3)]
        self.gone_at_s: float | None = None


def _state(value: Value | None) -> tuple[str, int]:
    if value is None:
        return "gone", 0
    name, _, epoch = value.head.decode().partition(":")
    return name, int(epoch)


def _change(name: str, epoch: int) -> Change:
    return Change(True, b"", f"{name}:{epoch}".encode())


async def make_bucket(host: Host, bucket: Bucket) -> None:
    """Create the owner."""
    fresh = _change("live", 1)
    await host.registers.write(cell_of(bucket.owner), lambda value: None if value else fresh)


async def bucket_epoch(host: Host, bucket: Bucket) -> int:
    """Return the seal epoch of a bucket; one that was left `deleting` is taken back.

    Raises
        NotFound: it is gone.
    """
    found = await host.registers.read(cell_of(bucket.owner))
    name, epoch = _state(found.value if found is not None else None)
    if name == "gone":
        raise NotFound("The bucket is gone.")
    if name == "live":
        return epoch
    return await revive_bucket(host, bucket)


async def revive_bucket(host: Host, bucket: Bucket) -> int:
    """Take a bucket back to `live` at the next epoch, whoever was deleting it."""

    def decide(value: Value | None) -> Change | None:
        name, epoch = _state(value)
        if name == "gone":
            raise NotFound("The bucket is gone.")
        return _change("live", epoch + 1) if name == "deleting" else None

    outcome = await host.registers.write(cell_of(bucket.owner), decide)
    _, epoch = _state(outcome.value)
    await host.registers.seal(bucket.prefix, epoch - 1, lifted=True)
    host.seen["bucket taken back"] += 1
    return epoch


def _is_sealed_everywhere(world: World, prefix: bytes, epoch: int) -> bool:
    """Return whether every drive of every set holds a seal durably."""
    return all(
        (fact := Facts.load(machine.kv).seals.get((int(on.index), prefix))) is not None
        and fact.epoch >= epoch
        for on in world.map.sets
        for machine in world.members(on)
    )


async def delete_bucket(world: World, host: Host, bucket: Bucket) -> None:
    """Delete a bucket if it is empty.

    Raises
        Conflict: it is not, or it changed meanwhile.
    """
    registers = host.registers

    def begin(value: Value | None) -> Change | None:
        name, epoch = _state(value)
        if name == "gone":
            raise NotFound("The bucket is gone.")
        return _change("deleting", epoch) if name == "live" else None

    outcome = await registers.write(cell_of(bucket.owner), begin)
    _, epoch = _state(outcome.value)
    await registers.seal(bucket.prefix, epoch)
    if not _is_sealed_everywhere(world, bucket.prefix, epoch):
        # On one node every drive that is there takes a seal in the same turn of the loop, and one
        # that is not takes no accept either. Drives behind a network are the next thing to prove.
        await revive_bucket(host, bucket)
        raise Conflict("A drive does not hold the seal.")
    start: bytes | None = bucket.prefix
    while start is not None:
        asked = ScanRange(start=start, end=bucket.prefix + b"\xff", limit=2)
        page = await registers.scan(asked)
        if page.rows:
            await revive_bucket(host, bucket)
            raise Conflict("The bucket is not empty.")
        start = page.next_start

    def finish(value: Value | None) -> Change | None:
        if _state(value) != ("deleting", epoch):
            raise Conflict("The bucket changed.")
        return Change(False)

    await registers.write(cell_of(bucket.owner), finish)
    bucket.gone_at_s = world.loop.time()
    world.seen["bucket removed"] += 1
