"""Turn an edit of a key's versions into one register write.

Owns      the two ways an edit becomes a write. Fast: the edit runs inside `decide`, no page is
          touched. Slow: the register is read, pages are loaded, the edit runs, new pages are
          written, and the write succeeds only on the very value that was read.
Does not  judge conditions: the edit does, on the chain it is given, and may run many times.
Tasks     slow edits of a key take turns; later edits of the key, fast ones too, queue behind them.
Crash     pages written before a lost write are orphans; a manifest whose version went is freed
          by the scan job if its parts were not freed here.
Source    docs/design/objects.md
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from atoll.base.errors import Contended, Damaged, Unavailable
from atoll.base.ids import DataId
from atoll.core.formats.data_ref import StoredRef
from atoll.core.formats.version_page import VersionPage
from atoll.core.quorum.messages import Value
from atoll.objects.buckets import BucketDirectory
from atoll.objects.values import Bucket
from atoll.objects.versions.chain import Chain, Overfull, PageNeeded
from atoll.objects.versions.pages import Pages
from atoll.registers.contract import Cell, Change, Decide, RegisterStore

#: An edit of the slow way loses only to writers of other nodes; this many in a row is contention.
ATTEMPTS_MAX: Final = 16

#: Changes a chain; may run several times, each on a chain of its own. Raises Rejected to refuse.
Edit = Callable[[Chain], None]


class _Gate:
    """Slow edits of one key: one at a time, fast ones wait behind them."""

    __slots__ = ("lock", "users")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0


class VersionEditor:
    """Applies edits to the versions of keys."""

    def __init__(self, registers: RegisterStore, buckets: BucketDirectory, pages: Pages) -> None:
        self._registers = registers
        self._buckets = buckets
        self._pages = pages
        #: Keys with slow edits under way. Without gates, fast writers of a busy key would keep
        #: changing the value a slow edit was prepared for.
        self._gates: dict[bytes, _Gate] = {}

    async def change(self, bucket: Bucket | None, cell: Cell, edit: Edit) -> None:
        """Apply an edit. One that leaves its chain untouched writes nothing.

        `bucket` None is for edits that never make a key live: no seal refuses those.
        """
        if self._gates and cell.key in self._gates:
            chain = await self._change_gated(bucket, cell, edit)
        else:
            quick = await self._change_quickly(bucket, cell, edit)
            chain = quick if quick is not None else await self._change_gated(bucket, cell, edit)
        if chain.dropped:
            await self.release_manifests(cell, chain.dropped)

    async def _change_quickly(self, bucket: Bucket | None, cell: Cell, edit: Edit) -> Chain | None:
        """Apply an edit inside one register write; None: it needs pages."""
        chain: Chain | None = None

        def decide(value: Value | None) -> Change | None:
            nonlocal chain
            chain = Chain(value, {})
            try:
                edit(chain)
                return chain.to_change() if chain.touched else None
            except (PageNeeded, Overfull):
                # Not a refusal: the register is left as it is and the slow way begins.
                chain = None
                return None

        await self._write(bucket, cell, decide)
        return chain

    async def _change_gated(self, bucket: Bucket | None, cell: Cell, edit: Edit) -> Chain:
        gate = self._gates.setdefault(cell.key, _Gate())
        gate.users += 1
        try:
            async with gate.lock:
                return await self._change_slowly(bucket, cell, edit)
        finally:
            gate.users -= 1
            if not gate.users:
                del self._gates[cell.key]

    async def _write(self, bucket: Bucket | None, cell: Cell, decide: Decide) -> None:
        if bucket is None:
            await self._registers.write(cell, decide)
        else:
            await self._buckets.write(bucket, cell, decide)

    async def _change_slowly(self, bucket: Bucket | None, cell: Cell, edit: Edit) -> Chain:
        for _ in range(ATTEMPTS_MAX):
            quick = await self._change_quickly(bucket, cell, edit)
            if quick is not None:
                return quick
            found = await self._registers.read(cell)
            base = None if found is None else found.value
            written: list[StoredRef] = []
            try:
                chain, change = await self._prepare(cell, base, edit, written)
            except Damaged:
                # A page that another writer replaced meanwhile may be gone; a page of the
                # present value may not.
                if await self._is_current(cell, base):
                    raise
                continue
            if change is None or await self._swap(bucket, cell, base, change, written):
                return chain
        raise Contended("Other writers kept winning the key.", key=cell.key)

    async def _prepare(
        self, cell: Cell, base: Value | None, edit: Edit, written: list[StoredRef]
    ) -> tuple[Chain, Change | None]:
        loaded: dict[DataId, VersionPage] = {}
        while True:
            chain = Chain(base, loaded)
            try:
                edit(chain)
                if not chain.touched:
                    return chain, None
                await self._pages.pack(cell, chain, written)
                return chain, await self._fit(cell, chain, written)
            except PageNeeded as needed:
                await self._pages.discard(cell, written)
                written.clear()
                loaded[needed.ref.ref.data_id] = await self._pages.load(cell, needed.ref)

    async def _fit(self, cell: Cell, chain: Chain, written: list[StoredRef]) -> Change:
        try:
            return chain.to_change()
        except Overfull:
            await self._pages.pack(cell, chain, written, tight=True)
            return chain.to_change()

    async def _swap(
        self,
        bucket: Bucket | None,
        cell: Cell,
        base: Value | None,
        change: Change,
        written: list[StoredRef],
    ) -> bool:
        is_base = False
        offered = False

        def decide(value: Value | None) -> Change | None:
            nonlocal is_base, offered
            is_base = (value is None) == (base is None)
            if value is not None and base is not None:
                is_base = value.write_id == base.write_id
            if not is_base:
                return None
            offered = True
            return change

        try:
            await self._write(bucket, cell, decide)
        finally:
            # Pages of a change that was never sent to a drive cannot become named.
            if not offered:
                await self._pages.discard(cell, written)
        return is_base

    async def _is_current(self, cell: Cell, base: Value | None) -> bool:
        found = await self._registers.read(cell)
        if found is None or base is None:
            return found is None and base is None
        return found.value.write_id == base.write_id

    async def release_manifests(self, cell: Cell, manifests: Iterable[StoredRef]) -> None:
        """Free the parts listed in manifests that no version names any more, then the manifests.

        The edit is done whatever happens here: what stays is an orphan for the scan job.
        """
        for manifest in manifests:
            try:
                parts = await self._pages.manifest(cell, manifest)
                ids = [part.ref.data_id for part in parts if part.ref is not None]
                await self._registers.release(cell, ids)
                await self._registers.release(cell, [manifest.data_id])
            except (Unavailable, Damaged):
                continue
