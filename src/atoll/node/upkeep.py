"""Wire the background work of a node: hints, rebuilds, scans, scrubs, jobs people start.

Owns      which workers there are, how they are paced, and what tells them of damage.
Does not  do any of it (jobs/) or show it to people (control.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from atoll.admin.control import JobKind
from atoll.base.clock import Clock, Entropy
from atoll.base.ids import DriveId, SetIndex
from atoll.base.names import BucketName, parse_bucket_name
from atoll.config.schema import Settings
from atoll.core.formats.data_ref import DataRef
from atoll.drives.io import WorkThreads
from atoll.drives.roster import Roster
from atoll.jobs.cycle import Cycle, Interval
from atoll.jobs.heal.estimate import estimate_keys
from atoll.jobs.heal.healer import Depth, Healer
from atoll.jobs.heal.hints import HintWorker
from atoll.jobs.heal.marks import DriveMarks
from atoll.jobs.heal.rebuild import Lacking, Rebuild
from atoll.jobs.heal.sweep import EVERYTHING, Sweep, SweepScope
from atoll.jobs.heal.watch import DriveWatch
from atoll.jobs.ledger import Job, Ledger
from atoll.jobs.scan.orphans import DataUsers, OrphanScan
from atoll.jobs.scan.tombstones import TombstoneScan
from atoll.jobs.scan.uploads import UploadScan
from atoll.jobs.scrub.scrub import Scrub
from atoll.jobs.worker import Runner, Worker
from atoll.objects.names import DataNames, bucket_ranges
from atoll.objects.store import Objects
from atoll.objects.stripes import StripeStore
from atoll.objects.stripes.repair import ShardRepairer
from atoll.registers.store import Registers
from atoll.telemetry.metrics import HealMetrics

#: By when a register names bytes that were just written: its turn, and a write with all retries.
NAMED_WITHIN_S: Final = 60.0
_DAY_S: Final = 86_400.0
#: Soon after a start, so that a node that is restarted every day is scanned too.
_FIRST_SCAN_S: Final = 3600.0


class Upkeep:
    """All background work of one node."""

    def __init__(  # noqa: PLR0913 (keywords only, wired in one place)
        self,
        *,
        settings: Settings,
        roster: Roster,
        registers: Registers,
        stripes: StripeStore,
        objects: Objects,
        cpu: WorkThreads,
        metrics: HealMetrics,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._settings = settings
        self._roster = roster
        self._registers = registers
        self._objects = objects
        self._clock = clock
        self._names = DataNames(stripes)
        shards = ShardRepairer(map_source=roster.current, drives=roster.drives, cpu=cpu)
        self._healer = Healer(
            registers.reader,
            registers.repairer,
            self._names,
            shards,
            registers,
            metrics=metrics,
        )
        self.runner = Runner(pace=settings.heal_pace)
        self.ledger = Ledger(self.runner, clock, entropy)
        self.watch = DriveWatch(
            DriveMarks(registers), roster.drives, roster.current, self._begin_rebuild
        )
        self.hints = HintWorker(self._healer, roster.current, self.watch)
        self.runner.start(self.hints)
        self.runner.start(self.watch)
        scan_interval = Interval(first_s=_FIRST_SCAN_S, pause_s=settings.scan_interval_s)
        self.runner.start(Cycle("scan", self._make_scans, scan_interval), pace=settings.scan_pace)
        scrub_interval = Interval(
            first_s=settings.scrub_interval_s, pause_s=settings.scrub_interval_s
        )
        self.runner.start(
            Cycle("scrub", lambda: [self._make_scrub("scrub round")], scrub_interval),
            pace=settings.scrub_pace,
        )

    async def run(self) -> None:
        """Run all workers, until cancelled."""
        await self.runner.run()

    # ── what others tell ───────────────────────────────────────────────────────────────────────

    def hint(self, set_index: int, key: bytes) -> None:
        """A register or its data may lack redundancy."""
        self.hints.add(set_index, key)

    def degraded(self, ref: DataRef) -> None:
        """Bytes were written without some drives; a register is about to name them."""
        self.hints.add(ref.set_index, ref.key, after_s=NAMED_WITHIN_S)

    def damaged(self, ref: DataRef) -> None:
        """A read found a shard damaged or missing."""
        self.hints.add(ref.set_index, ref.key)

    # ── what people start ──────────────────────────────────────────────────────────────────────

    async def start_heal(self, *, bucket: str, prefix: str, verify: bool) -> Job:
        """Begin to heal everything, a bucket, or the keys of a bucket under a prefix.

        Raises
            BucketNotFound: there is no such bucket.
        """
        ranges: Sequence[tuple[bytes, bytes]] = EVERYTHING
        target = ""
        if bucket:
            name = parse_bucket_name(bucket)
            ranges = await self._ranges(name, prefix)
            target = f"{bucket}/{prefix}"
        scope = SweepScope(
            ranges=ranges,
            depth=Depth.BYTES if verify else Depth.PRESENCE,
            total=0 if bucket else await self._estimate(None),
        )
        return self.ledger.start(
            JobKind.HEAL, lambda job_id: self._make_sweep(job_id, scope), target=target
        )

    async def _ranges(self, name: BucketName, prefix: str) -> Sequence[tuple[bytes, bytes]]:
        bucket = await self._objects.head_bucket(name)
        return bucket_ranges(
            name, incarnation=bucket.incarnation, prefix=prefix.encode("utf-8", "surrogateescape")
        )

    async def start_scrub(self) -> Job:
        """Begin to read everything on all drives."""
        keys = await self._estimate(None)
        shards = sum([await drive.estimate_shards() for drive in self._roster.drives.values()])
        # Somebody waits for it: it is paced like heal, not like the scrub that nobody asked for.
        return self.ledger.start(
            JobKind.SCRUB, lambda name: self._make_scrub(name, keys=keys, shards=shards)
        )

    def _begin_rebuild(self, drive_id: DriveId) -> None:
        drive = self._roster.drives[drive_id]
        target = Lacking(drive_id, drive.acceptor.facts.copied_until)
        self.ledger.start(
            JobKind.REBUILD,
            lambda job_id: Rebuild(
                job_id,
                target,
                self._registers.repairer,
                self._roster.current,
                make_sweep=lambda name, sets: self._make_sweep(name, SweepScope(sets=sets)),
                account=self.watch,
            ),
            target=str(drive.place.path),
        )

    # ── workers ────────────────────────────────────────────────────────────────────────────────

    def _make_sweep(self, name: str, scope: SweepScope) -> Sweep:
        return Sweep(name, self._healer, self._registers.repairer, self._roster.current, scope)

    def _make_scrub(self, name: str, *, keys: int = 0, shards: int = 0) -> Scrub:
        sweep = self._make_sweep(name, SweepScope(depth=Depth.RECORDS, total=keys))
        scrub = Scrub(
            name, self._roster.drives, self._healer, self.hints, self._roster.current, sweep=sweep
        )
        scrub.expect(shards)
        return scrub

    def _make_scans(self) -> list[Worker]:
        repairer = self._registers.repairer
        return [
            UploadScan(
                "scan uploads",
                self._objects,
                self._clock,
                age_s=self._settings.upload_age_days * _DAY_S,
            ),
            TombstoneScan("scan tombstones", repairer, self._roster.current),
            OrphanScan(
                "scan orphans",
                self._roster.drives,
                repairer,
                self._names,
                users=DataUsers(
                    named=self._objects.named_data, is_held=self._registers.reclaimer.holds
                ),
                clock=self._clock,
            ),
        ]

    async def _estimate(self, sets: Sequence[SetIndex] | None) -> int:
        records: dict[DriveId, int] = {}
        for drive_id, drive in self._roster.drives.items():
            records[drive_id] = (await drive.status()).records
        made = self._roster.current().sets
        chosen = [on for on in made if sets is None or on.index in sets]
        return estimate_keys(records, made, chosen)
