"""Clients of a simulated cluster: what they ask for, and what they write down of it.

Owns      the operations on keys and the translation of outcomes into the history: certainly not
          applied leaves no trace, an unknown outcome stays possible for ever.
Tokens    every write leaves a token that no other write leaves, so a value names its writer.
Data      some values name data whose shards are on a write quorum before the name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any

from atoll.base.errors import (
    BucketNotFound,
    Contended,
    OutcomeUnknown,
    PreconditionFailed,
    QuorumLost,
    StorageFull,
    Unavailable,
)
from atoll.base.ids import DataId, clock_from_ms, make_data_id
from atoll.core.quorum.fold import Outcome as RoundOutcome
from atoll.core.quorum.messages import Detail, Value
from atoll.registers.contract import Cell, Change, Outcome, ScanRange
from atoll.registers.fan_out import Round
from sim.history import ANY, Operation, Token
from sim.world import Host, World, finish

#: Errors after which a write certainly did not happen.
CERTAIN = (Contended, QuorumLost, BucketNotFound)


def token_of(value: Value | None) -> Token:
    """Return the token a value carries."""
    return value.summary if value is not None else None


def cell_of(key: bytes) -> Cell:
    """Return where a key lives."""
    return Cell(key, key)


class Client:
    """Operations through one host."""

    def __init__(self, world: World, host: Host) -> None:
        self.world = world
        self.host = host
        self._random = world.random

    def new_token(self) -> bytes:
        """Return a token that no other write leaves."""
        self.world.history.counts["token"] += 1
        return b"t%d" % self.world.history.counts["token"]

    # ── one key ────────────────────────────────────────────────────────────────────────────────

    async def read(self, key: bytes, detail: Detail = Detail.WHOLE) -> Token:
        """Read a key."""
        began_s = self.world.loop.time()
        found = await self.host.registers.read(cell_of(key), detail=detail)
        token = token_of(found.value if found is not None else None)
        if found is not None and detail is Detail.WHOLE:
            assert found.value.inline in (b"", _inline_of(token)), "inline bytes of another value"
        self._saw("read", key, began_s, token)
        return token

    async def put(
        self, key: bytes, *, data_ids: tuple[DataId, ...] = (), seal_epoch: int = 0
    ) -> None:
        """Write whatever is there."""
        await self._write("put", key, self.new_token(), data_ids=data_ids, seal_epoch=seal_epoch)

    async def create(self, key: bytes, *, seal_epoch: int = 0) -> None:
        """Write if nothing is there."""
        await self._write("create", key, self.new_token(), expects=(None,), seal_epoch=seal_epoch)

    async def swap(self, key: bytes, expected: Token, *, seal_epoch: int = 0) -> None:
        """Write if `expected` is there."""
        await self._write("swap", key, self.new_token(), expects=(expected,), seal_epoch=seal_epoch)

    async def delete(self, key: bytes) -> None:
        """Remove a key."""
        await self._write("delete", key, None)

    async def put_data(
        self, key: bytes, *, stall_s: float = 0.0, seal_epoch: int = 0
    ) -> DataId | None:
        """Store shards, perhaps stall, then name them."""
        data_id = await self.upload(key)
        if data_id is None:
            return None
        await asyncio.sleep(stall_s)
        await self.put(key, data_ids=(data_id,), seal_epoch=seal_epoch)
        return data_id

    async def upload(self, key: bytes) -> DataId | None:
        """Make shards durable on a write quorum; None: too few drives took them."""
        host = self.host
        clock = clock_from_ms(host.clock.time_ns() // 1_000_000)
        data_id = make_data_id(clock, self._random.getrandbits(64))
        on = host.map.current().set_of(key)
        round_: Round[None] = Round(
            [partial(host.links[drive].put_shard, (key, data_id)) for drive in on.drives],
            needed=on.quorums.write,
            is_ok=lambda _: True,
        )
        outcome = await round_.run(first=len(on.drives), deadline_s=2.0)
        if not self.world.rules.jobs.shards_before_name:
            return data_id
        return data_id if outcome is RoundOutcome.REACHED else None

    async def _write(
        self,
        name: str,
        key: bytes,
        token: Token,
        *,
        expects: tuple[Token, ...] = (),
        data_ids: tuple[DataId, ...] = (),
        seal_epoch: int = 0,
    ) -> None:
        began_s = self.world.loop.time()
        met: Token = ANY
        was_decided = False

        def decide(value: Value | None) -> Change | None:
            nonlocal met, was_decided
            met, was_decided = token_of(value), True
            if expects and met not in expects:
                raise PreconditionFailed(condition="If-Match")
            if token is None:
                return Change(False)
            inline = _inline_of(token) if len(token) % 2 else b""
            return Change(True, token, token, inline, data_ids)

        try:
            outcome = await self.host.registers.write(cell_of(key), decide, seal_epoch=seal_epoch)
        except PreconditionFailed:
            self._saw(name + "-refused", key, began_s, met)
            raise
        except CERTAIN:
            raise
        except (OutcomeUnknown, StorageFull, asyncio.CancelledError):
            if was_decided:
                expected = expects[0] if expects else ANY
                self._may_have_done(name, key, began_s, expected, token)
            raise
        self._did(name, key, began_s, outcome, token)

    def _did(self, name: str, key: bytes, began_s: float, outcome: Outcome, token: Token) -> None:
        if not outcome.changed:
            self._saw(name, key, began_s, token_of(outcome.previous))
            return
        assert token_of(outcome.value) == token, "the outcome tells of another value"
        self.world.history.add(
            Operation(
                key=key,
                name=name,
                began_s=began_s,
                ended_s=self.world.loop.time(),
                met=token_of(outcome.previous),
                writes=True,
                wrote=token,
            )
        )

    def _saw(self, name: str, key: bytes, began_s: float, token: Token) -> None:
        ended_s = self.world.loop.time()
        self.world.history.add(
            Operation(key=key, name=name, began_s=began_s, ended_s=ended_s, met=token)
        )

    def _may_have_done(
        self, name: str, key: bytes, began_s: float, expected: Token, token: Token
    ) -> None:
        self.world.history.add(
            Operation(
                key=key,
                name=name,
                began_s=began_s,
                met=expected,
                writes=True,
                wrote=token,
                is_unknown=True,
            )
        )

    # ── many keys ──────────────────────────────────────────────────────────────────────────────

    async def scan(
        self, keys: Iterable[bytes], asked: ScanRange, group_of: Callable[[bytes], bytes]
    ) -> dict[bytes, Token]:
        """Scan all pages of a range; every key of `keys` in it counts as read.

        With a delimiter, a group's first live key hides the keys behind it.
        """
        began_s = self.world.loop.time()
        rows: dict[bytes, Token] = {}
        start: bytes | None = asked.start
        while start is not None:
            part = ScanRange(
                start=start,
                end=asked.end,
                limit=asked.limit,
                detail=asked.detail,
                delimiter=asked.delimiter,
                group_from=asked.group_from,
            )
            page = await self.host.registers.scan(part)
            assert len(page.rows) <= asked.limit, "a page is longer than asked"
            for row in page.rows:
                assert row.key not in rows, f"{row.key!r} is in the scan twice"
                assert not rows or row.key > max(rows), "rows are not in order"
                rows[row.key] = row.body
            assert page.next_start is None or page.next_start > start, "a scan that stands still"
            start = page.next_start
        shown: set[bytes] = set()
        for key in sorted(keys):
            if not asked.start <= key < asked.end:
                continue
            group = group_of(key)
            if asked.delimiter and group in shown:
                assert key not in rows, f"{key!r}: two rows of one group"
                continue
            if key in rows:
                shown.add(group)
            self._saw("scan", key, began_s, rows.get(key))
        assert set(rows) <= set(keys), "a scan shows what was never written"
        return rows


async def call(client: Client, work: Coroutine[Any, Any, Any], *, limit_s: float = 30.0) -> bool:
    """Run one operation in its host; return whether it came to a clear end."""
    counts = client.world.history.counts
    counts["asked"] += 1
    task = client.host.run(work)
    if not await finish(task, limit_s=limit_s):
        counts["cut off"] += 1
        return False
    outcome = task.result()
    if isinstance(outcome, Unavailable):
        counts[type(outcome).__name__] += 1
        return False
    counts["clear"] += 1
    return True


def _inline_of(token: Token) -> bytes:
    return b"bytes of " + (token or b"")
