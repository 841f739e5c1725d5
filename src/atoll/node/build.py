"""Wire a node: drives → registers → stripes → objects → jobs → front ends.

Owns      which implementation stands behind each contract; read it top to bottom to see what a
          node is.
Does not  start listening or handle signals (serve.py).
Order     `open` needs a running event loop and leaves nothing open when it raises. `run` must run
          before `close`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from atoll.base.clock import Clock, Entropy
from atoll.config.load import Configuration
from atoll.config.schema import Settings
from atoll.core.placement.sets import Layout
from atoll.drives.contract import DriveState
from atoll.drives.io import WorkThreads
from atoll.drives.local import LocalPlace
from atoll.drives.roster import Roster
from atoll.http.service import Load
from atoll.iam.root import RootCredentials
from atoll.node.upkeep import Upkeep
from atoll.objects.store import Objects, ObjectSettings
from atoll.objects.stripes.store import StripeStore, Watchers
from atoll.registers.store import Registers
from atoll.telemetry.exchange import ExchangeObserver
from atoll.telemetry.metrics import DriveSample, Metrics

#: Threads for hashing and encoding: two keep a core busy while another hands over.
CPU_THREADS: Final = 2

_LOG: Final = logging.getLogger(__name__)


def plan_places(settings: Settings) -> list[LocalPlace]:
    """Return where each configured drive lives."""
    metadata = settings.metadata_paths or settings.drives
    return [
        LocalPlace(
            path=Path(path).absolute(),
            metadata_path=Path(beside).absolute(),
            reserve_bytes=settings.reserve_bytes,
        )
        for path, beside in zip(settings.drives, metadata, strict=True)
    ]


def _warn_of_drives(roster: Roster) -> Iterator[str]:
    """Yield a sentence for everything about the drives that an operator should know."""
    by_device: dict[int, list[str]] = {}
    for drive in roster.drives.values():
        path = drive.place.path
        by_device.setdefault(path.stat().st_dev, []).append(str(path))
        if drive.state is DriveState.BLANK:
            yield f"{path} {drive.blank_reason or 'is blank'}; it is being rebuilt"
    for paths in by_device.values():
        if len(paths) > 1:
            yield f"{len(paths)} drives share one file system and fail together: {', '.join(paths)}"
    for gone in roster.absent:
        yield f"{gone.place.path} is not used: {gone.reason}"


class Node:
    """Everything below the front ends, with a lifetime."""

    def __init__(
        self,
        configuration: Configuration,
        roster: Roster,
        credentials: RootCredentials,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self.configuration = configuration
        self.clock = clock
        self.entropy = entropy
        self.roster = roster
        self.credentials = credentials
        self.cpu = WorkThreads("cpu", threads_max=CPU_THREADS)
        self.registers = Registers(roster, roster.drives, clock, entropy)
        self.stripes = StripeStore(
            map_source=roster.current,
            drives=roster.drives,
            clock=clock,
            entropy=entropy,
            cpu=self.cpu,
            watchers=Watchers(
                lambda cell, ref, drives: self.upkeep.degraded(ref),
                lambda ref, index, reason: self.upkeep.damaged(ref),
            ),
        )
        self.objects = Objects(
            self.registers,
            self.stripes,
            clock,
            entropy,
            ObjectSettings(inline_bytes_max=configuration.settings.inline_bytes_max),
        )
        self.metrics = Metrics()
        self.metrics.watch_drives(self._sample_drives)
        self.upkeep = Upkeep(
            settings=configuration.settings,
            roster=roster,
            registers=self.registers,
            stripes=self.stripes,
            objects=self.objects,
            cpu=self.cpu,
            metrics=self.metrics.heal,
            clock=clock,
            entropy=entropy,
        )
        self.load = Load()
        self.observers: tuple[ExchangeObserver, ...] = (self.metrics.requests.observe,)
        self.warnings = [*credentials.findings, *_warn_of_drives(roster)]
        #: What works on the drives by itself; ended before they are closed.
        self._users: asyncio.Task[None] | None = None
        self._is_closing = False
        self.registers.proposer.on_degraded = lambda spot: self.upkeep.hint(spot.on.index, spot.key)
        for drive in roster.drives.values():
            drive.acceptor.on_corrupt = self.upkeep.hint

    @classmethod
    async def open(cls, configuration: Configuration, clock: Clock, entropy: Entropy) -> Node:
        """Open the drives and wire everything on them.

        Raises
            ConfigError, StoreError, FormationError: the node cannot start; nothing is left open.
        """
        settings = configuration.settings
        layout = Layout(set_drives=settings.set_drives, parity=settings.parity)
        places = plan_places(settings)
        roster = await Roster.open(places, layout, clock, entropy)
        paths = [drive.place.path for drive in roster.drives.values()]
        credentials = RootCredentials.load(
            paths,
            drive_count=len(places),
            cluster_id=roster.current().cluster_id,
            entropy=entropy,
            given=configuration.pair,
        )
        return cls(configuration, roster, credentials, clock, entropy)

    async def run(self) -> None:
        """Run the background tasks, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.roster.run())
            if not self._is_closing:
                self._users = tasks.create_task(self._run_users())

    async def _run_users(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.registers.run())
            tasks.create_task(self.upkeep.run())

    async def close(self) -> None:
        """End background work, then close drives and threads. `run` must still run."""
        self._is_closing = True
        if self._users is not None:
            self._users.cancel()
            await asyncio.wait([self._users])
        for fault in await self.roster.close():
            _LOG.error("a drive could not be closed: %s", fault)
        await self.cpu.close()

    @property
    def account(self) -> str:
        """Return the id of the root account: the cluster's own, so that it survives rotation."""
        return self.roster.current().cluster_id

    def _sample_drives(self) -> Iterator[DriveSample]:
        """Yield what the drives know of themselves without blocking."""
        for drive in self.roster.drives.values():
            capacity = drive.last_capacity
            commit = drive.acceptor.commit
            yield DriveSample(
                drive=drive.drive_id,
                state=drive.state,
                total_bytes=capacity.total_bytes,
                free_bytes=capacity.free_bytes,
                queue_length=commit.depth,
                sync=commit.sync,
            )

    def watch_load(self, load: Load) -> None:
        """Show the load of the HTTP server that serves this node."""
        self.load = load
        self.metrics.watch_load(load)

    def heal_queue(self) -> int:
        """Return how many keys wait for heal."""
        return self.upkeep.hints.depth
