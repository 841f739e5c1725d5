"""Registers: the entry to linearizable cells, on the drives of their sets.

Implements registers.contract.RegisterStore. Composes the proposer, reader, scanner, reclaimer and
           the resolver of unknown outcomes for one process. `run` owns the background tasks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from functools import partial

from atoll.base.clock import Clock, Entropy
from atoll.base.errors import QuorumLost
from atoll.base.ids import BALLOT_ZERO, DataId, DriveId
from atoll.core.placement.cluster_map import ErasureSet
from atoll.core.quorum.fold import Outcome as RoundOutcome
from atoll.core.quorum.messages import Detail, Seal
from atoll.drives.contract import RegisterDrive
from atoll.registers.ballots import Ballots
from atoll.registers.contract import Cell, Decide, Found, Outcome, RowPage, ScanRange
from atoll.registers.fan_out import Round
from atoll.registers.members import MapSource, Members, Spot
from atoll.registers.proposer import Proposer
from atoll.registers.reader import Reader
from atoll.registers.reclaimer import Reclaimer
from atoll.registers.repair import Repairer
from atoll.registers.resolver import Resolver
from atoll.registers.scanner import Scanner
from atoll.registers.settings import RegisterRules, RegisterSettings
from atoll.registers.turns import Turns
from atoll.registers.write import write_register


class Registers:
    """All registers of a cluster, as one process sees them."""

    def __init__(
        self,
        map_source: MapSource,
        drives: Mapping[DriveId, RegisterDrive],
        clock: Clock,
        entropy: Entropy,
        *,
        settings: RegisterSettings | None = None,
        rules: RegisterRules | None = None,
    ) -> None:
        self.members = Members(map_source, drives)
        self.ballots = Ballots(clock, entropy.random_u64())
        settings = settings or RegisterSettings()
        self.turns = Turns(settings.write_s)
        self.proposer = Proposer(self.members, self.ballots, settings, rules or RegisterRules())
        self.reader = Reader(self.proposer, self.turns)
        self.scanner = Scanner(self.proposer, self.reader)
        self.reclaimer = Reclaimer(self.proposer)
        self.resolver = Resolver(self.proposer, self.turns)
        self.repairer = Repairer(self.proposer, self.turns)
        self.proposer.on_replaced = self.reclaimer.replaced
        self.proposer.on_unresolved = self.resolver.add

    async def run(self) -> None:
        """Free replaced data and complete unknown outcomes, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.reclaimer.run())
            tasks.create_task(self.resolver.run())

    def spot(self, cell: Cell) -> Spot:
        """Return where a cell lives."""
        return Spot(self.members.map.set_of(cell.place), cell.key)

    async def read(self, cell: Cell, *, detail: Detail = Detail.WHOLE) -> Found | None:
        """Return the chosen live value of a cell."""
        record = await self.reader.read(self.spot(cell), detail)
        if record is None or not record.value.live:
            return None
        return Found(record.ballot, record.value)

    async def write(self, cell: Cell, decide: Decide, *, seal_epoch: int = 0) -> Outcome:
        """Apply one read-modify-write, at most once, durable on a write quorum."""
        spot = self.spot(cell)
        turns = self.turns
        if not turns.try_take(cell.key):
            await turns.take(cell.key)
        try:
            return await write_register(self.proposer, spot, decide, seal_epoch)
        finally:
            turns.give(cell.key)

    async def scan(self, asked: ScanRange) -> RowPage:
        """Return chosen live rows in key order."""
        return await self.scanner.scan(asked)

    async def seal(self, prefix: bytes, epoch: int, *, lifted: bool = False) -> None:
        """Seal a prefix on a write quorum of every set, and on the other drives as they answer.

        A read quorum would hold back writes just as well; a write quorum survives that one of its
        drives is replaced.

        Raises
            QuorumLost: on some set too few drives hold the seal; the caller lifts it and gives up.
        """
        for on in self.members.map.sets:
            await self._seal_set(on, prefix, epoch, lifted)

    async def _seal_set(self, on: ErasureSet, prefix: bytes, epoch: int, lifted: bool) -> None:
        proposer = self.proposer
        request = Seal(on.index, prefix, epoch, proposer.stamp(on.index), lifted)
        round_: Round[None] = Round(
            [partial(_seal, self.members, drive_id, request) for drive_id in on.drives],
            needed=on.quorums.write,
            is_ok=lambda _: True,
        )
        outcome = await round_.run(first=len(on.drives), deadline_s=proposer.settings.round_s)
        if outcome is not RoundOutcome.REACHED:
            raise QuorumLost(
                "Too few drives took a seal.",
                needed=on.quorums.write,
                reached=len(round_.oks),
                causes=round_.causes(),
                set_index=on.index,
            )

    async def release(self, cell: Cell, data_ids: Sequence[DataId]) -> None:
        """Free data that nothing names, after the readers' grace."""
        spot = self.spot(cell)
        record = await self.reader.read(spot, Detail.HEAD)
        named = record.value.data_ids if record is not None else ()
        ballot = record.ballot if record is not None else BALLOT_ZERO
        self.reclaimer.replaced(spot, ballot, set(data_ids).difference(named), set())

    def pin(self, data_id: DataId) -> None:
        """Keep the shards of a data id for a reader."""
        self.reclaimer.pin(data_id)

    def unpin(self, data_id: DataId) -> None:
        """Undo one `pin`."""
        self.reclaimer.unpin(data_id)


def _seal(members: Members, drive_id: DriveId, request: Seal) -> Awaitable[None]:
    return members.drive(drive_id).seal(request)
