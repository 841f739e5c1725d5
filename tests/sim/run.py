"""One run of a simulated cluster from a seed: bursts of work under faults, then the checks.

Owns      what a seed means: shape, workload, faults, and the order of it all. `run_seed` raises
          what the checkers find, with the seed in the message.
Checks    every key linearizable, scans included; acknowledged writes there after a last power cut;
          no value that names deleted data; no two values at one ballot; nothing lives in a bucket
          that is gone.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import suppress

import msgspec

from atoll.base.errors import Contended
from atoll.core.formats.register_record import decode_head
from atoll.core.quorum.messages import Detail
from atoll.drives.kv import Table
from atoll.registers.contract import ScanRange
from fakes.virtual_loop import run_virtual
from sim.chaos import Chaos
from sim.clients import Client, call, cell_of
from sim.upkeep import (
    Bucket,
    bucket_epoch,
    collect_tombstones,
    delete_bucket,
    make_bucket,
    repair_all,
    revive_bucket,
    scan_orphans,
)
from sim.world import Rules, Shape, World, finish, open_world, until

SETS = (
    ((0,),),
    ((0, 1),),
    ((0, 1, 2),),
    ((0, 1, 2),),
    ((0, 1, 2, 3),),
    ((0, 1, 2, 3),),
    ((0, 1, 2, 3, 4),),
    ((0, 1, 2, 3, 4, 5),),
    ((0, 1, 2, 3, 4, 5, 6),),
    ((0, 1, 2, 3, 4, 5, 6, 7),),
    ((0, 1, 2), (3, 4, 5)),
    ((0, 1, 2, 3), (2, 3, 4, 5)),
    ((0, 1), (1, 2), (2, 0)),
)
PREFIX = b"b/00000000"
KEYS_HOT = [PREFIX + b"hot/%d" % number for number in range(2)]
KEYS_COLD = [PREFIX + b"cold/%d" % number for number in range(8)]
KEYS_DATA = [PREFIX + b"data/%d" % number for number in range(2)]
KEYS = KEYS_HOT + KEYS_COLD + KEYS_DATA


class Report(msgspec.Struct):
    """What a run did. `counts` are its operations by outcome, `seen` all else that happened."""

    seed: int
    counts: Counter[str]
    seen: Counter[str]
    operations: int
    crashes: int
    virtual_s: float
    trace: int


class Violation(AssertionError):
    """A checker found something."""


def shape_of(rng: random.Random) -> Shape:
    """Draw the shape of a world."""
    return Shape(
        sets=rng.choice(SETS),
        hosts=rng.randint(1, 4),
        skew_s=rng.choice([0.0, 0.2, 5.0, 3000.0]),
        sync_s=rng.choice([0.001, 0.001, 0.02]),
        promises_max=rng.choice([4, 16_384, 16_384]),
        recent_bytes_max=rng.choice([0, 2000, 1 << 20]),
    )


def run_seed(seed: int, *, rules: Rules | None = None, bursts: int = 3, size: int = 14) -> Report:
    """Run a seed and check it.

    Raises
        Violation: with the seed, from whatever a checker found.
    """
    try:
        return run_virtual(_run(seed, rules or Rules(), bursts, size))
    except (AssertionError, BaseExceptionGroup) as exc:
        # What is raised inside `except*` is wrapped in a group again by some versions of Python.
        first = _first(exc)
        if not isinstance(first, AssertionError):
            raise
        raise Violation(f"seed {seed}: {type(first).__name__}: {first}") from exc


def _first(exc: BaseException) -> BaseException:
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return exc


async def _run(seed: int, rules: Rules, bursts: int, size: int) -> Report:
    rng = random.Random(seed)
    async with open_world(seed, shape_of(rng), rules) as world:
        began_s = world.loop.time()
        run = _Run(world, rng, size)
        for number in range(bursts):
            await run.burst(number)
            await run.gap()
        await run.end()
        for host in world.hosts:
            host.crash()
        return Report(
            seed,
            Counter(world.history.counts),
            Counter(world.seen),
            sum(len(ops) for ops in world.history.operations.values()),
            sum(machine.crash_count for machine in world.machines),
            world.loop.time() - began_s,
            _digest(world),
        )


def _digest(world: World) -> int:
    """Return a number that differs when anything happened differently."""
    seen = [
        (key, op.name, round(op.began_s, 9), round(min(op.ended_s, 1e12), 9), op.met, op.wrote)
        for key, ops in sorted(world.history.operations.items())
        for op in ops
    ]
    text = repr((seen, world.network.sent_count, world.loop.time()))
    return random.Random(text).getrandbits(64)


class _Run:
    """One run."""

    def __init__(self, world: World, rng: random.Random, size: int) -> None:
        self.world = world
        self.rng = rng
        self.size = size
        self.buckets: list[Bucket] = []
        self.last_seen: dict[bytes, bytes | None] = {}

    # ── phases ─────────────────────────────────────────────────────────────────────────────────

    async def burst(self, number: int) -> None:
        """Clients work while things go wrong."""
        world, rng = self.world, self.rng
        weather = world.network.weather
        weather.loss = rng.choice([0.0, 0.0, 0.02, 0.06])
        weather.duplicates = rng.choice([0.0, 0.05, 0.2])
        weather.delay_s = rng.choice([0.0005, 0.003, 0.01])
        weather.straggle_s = rng.choice([1.0, 60.0, 2000.0])
        bucket = Bucket(number + 1)
        self.buckets.append(bucket)
        chaos = world.start(Chaos(world, pause_s=rng.choice([0.3, 0.8, 2.0])).run())
        async with asyncio.TaskGroup() as clients:
            for _ in range(rng.randint(2, 5)):
                clients.create_task(self._client())
            clients.create_task(self._bucket_life(bucket))
            clients.create_task(self._jobs())
        chaos.cancel()

    async def gap(self) -> None:
        """A quiet time; long enough for tombstones to age, now and then for orphans."""
        world = self.world
        if self.rng.random() < 0.7:
            await self._become_well()
        await asyncio.sleep(self.rng.choice([1.0, 700.0, 700.0, 4000.0, 50 * 3600.0]))
        host = world.host()
        for work in (repair_all(host), collect_tombstones(host), scan_orphans(world, host)):
            await finish(host.run(work), limit_s=60.0)

    async def end(self) -> None:
        """Cut the power once more, heal everything, and look."""
        world = self.world
        world.power_cut()
        await self._become_well()
        await self._check_data()
        client = Client(world, world.hosts[0])
        for key in KEYS:
            await client.read(key)
        for bucket in self.buckets:
            for key in bucket.keys:
                # Said of a value that seals keep from being chosen, in a bucket that is going.
                with suppress(Contended):
                    await client.read(key)
        await self._scan(client)
        self._check_ballots()
        for bucket in self.buckets:
            self._check_bucket(bucket)
        world.history.check()

    async def _become_well(self) -> None:
        world = self.world
        world.heal()
        assert await until(lambda: not world.blank, limit_s=600.0), "a rebuild never ended"
        assert await until(self._is_resolved, limit_s=120.0), "an outcome stays unknown for ever"

    def _is_resolved(self) -> bool:
        return not any(
            host.registers.proposer.unresolved for host in self.world.hosts if host.is_up
        )

    # ── work ───────────────────────────────────────────────────────────────────────────────────

    async def _client(self) -> None:
        world, rng = self.world, self.rng
        think_s = rng.choice([0.0, 0.02, 0.2])
        for _ in range(self.size):
            client = Client(world, world.host())
            await call(client, self._operation(client))
            await asyncio.sleep(rng.random() * think_s)

    def _operation(self, client: Client):  # noqa: ANN202
        rng = self.rng
        kind = rng.random()
        if kind < 0.08:
            return self._scan(client)
        if kind < 0.2:
            return self._data(client, rng.choice(KEYS_DATA))
        key = rng.choice(KEYS_HOT if rng.random() < 0.7 else KEYS_COLD)
        if kind < 0.45:
            return self._read(client, key)
        if kind < 0.62:
            return client.put(key)
        if kind < 0.72:
            return client.create(key)
        if kind < 0.85:
            return client.swap(key, self.last_seen.get(key))
        return client.delete(key)

    async def _read(self, client: Client, key: bytes) -> None:
        detail = self.rng.choice([Detail.HEAD, Detail.WHOLE])
        self.last_seen[key] = await client.read(key, detail)

    async def _data(self, client: Client, key: bytes) -> None:
        if self.rng.random() < 0.3:
            await client.delete(key)
            return
        stall_s = 50 * 3600.0 if self.rng.random() < 0.03 else 0.0
        if stall_s:
            client.host.run(client.put_data(key, stall_s=stall_s))
        else:
            await client.put_data(key)

    async def _scan(self, client: Client) -> None:
        rng = self.rng
        is_grouped = rng.random() < 0.4
        start = PREFIX + rng.choice([b"", b"", b"cold/3"])
        asked = ScanRange(
            start=start,
            end=PREFIX + b"\xff",
            limit=rng.choice([1, 3, 100]),
            delimiter=b"/" if is_grouped else b"",
            group_from=len(PREFIX),
        )

        def group_of(key: bytes) -> bytes:
            at = key.find(b"/", len(PREFIX))
            return key[: at + 1] if is_grouped and at >= 0 else key

        await client.scan(KEYS, asked, group_of)

    async def _jobs(self) -> None:
        """Passes of jobs while clients work."""
        for _ in range(2):
            await asyncio.sleep(self.rng.random() * 2)
            host = self.world.host()
            work = self.rng.choice([repair_all, collect_tombstones])(host)
            await finish(host.run(work), limit_s=5.0)

    # ── buckets ────────────────────────────────────────────────────────────────────────────────

    async def _bucket_life(self, bucket: Bucket) -> None:
        """Writers and a remover meet in one bucket."""
        world = self.world
        host = world.host()
        await finish(host.run(make_bucket(host, bucket)), limit_s=30.0)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._bucket_writer(bucket))
            tasks.create_task(self._bucket_writer(bucket))
            tasks.create_task(self._bucket_remover(bucket))

    async def _bucket_writer(self, bucket: Bucket) -> None:
        for _ in range(4):
            client = Client(self.world, self.world.host())
            key = self.rng.choice(bucket.keys)
            await call(client, self._write_in(client, bucket, key))
            await asyncio.sleep(self.rng.random() * 0.3)

    async def _write_in(self, client: Client, bucket: Bucket, key: bytes) -> None:
        if self.rng.random() < 0.3:
            await client.delete(key)
            return
        epoch = await bucket_epoch(client.host, bucket)
        # Settings are cached for a while, so the epoch may be an old one when it is used.
        await asyncio.sleep(self.rng.random() * 0.5)
        await client.put(key, seal_epoch=epoch)

    async def _bucket_remover(self, bucket: Bucket) -> None:
        world = self.world
        for _ in range(3):
            await asyncio.sleep(self.rng.random() * 0.5)
            host = world.host()
            began_gone = bucket.gone_at_s
            await finish(host.run(delete_bucket(world, host, bucket)), limit_s=30.0)
            if began_gone is None and bucket.gone_at_s is not None:
                return
            if self.rng.random() < 0.3:
                await finish(host.run(revive_bucket(host, bucket)), limit_s=5.0)

    # ── checks ─────────────────────────────────────────────────────────────────────────────────

    def _check_bucket(self, bucket: Bucket) -> None:
        """Nothing that was acknowledged lives in a bucket that is gone.

        What was never acknowledged may come to life there: nobody can name it any more.
        """
        if bucket.gone_at_s is None:
            return
        for key in bucket.keys:
            operations = self.world.history.operations.get(key, ())
            acknowledged = {op.wrote for op in operations if op.writes and not op.is_unknown}
            for op in operations:
                if op.began_s >= bucket.gone_at_s and not op.writes and op.met is not None:
                    assert op.met not in acknowledged, f"{key!r} lives in a bucket that is gone"

    async def _check_data(self) -> None:
        world = self.world
        for key in KEYS_DATA:
            found = await world.hosts[0].registers.read(cell_of(key))
            if found is None:
                continue
            on = world.map.set_of(key)
            for data_id in found.value.data_ids:
                shard = (key, data_id)
                # What a fault took, heal would bring back as long as enough is left.
                there = sum(shard in m.shards or shard in m.lost for m in world.members(on))
                assert there >= on.quorums.data, f"{key!r} names data of {there} shards"

    def _check_ballots(self) -> None:
        """No two values at one ballot, anywhere."""
        seen: dict[tuple[bytes, bytes], bytes] = {}
        for machine in self.world.machines:
            for stored, raw in machine.kv.iterate(Table.HEADS, b"", b"\xff" * 40):
                record, _ = decode_head(stored, raw)
                held = seen.setdefault((stored, record.ballot), record.value.write_id)
                assert held == record.value.write_id, f"two values at one ballot of {stored!r}"
