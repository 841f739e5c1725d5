"""Read, walk and write the pages that hold the older versions of a key.

Owns      loading pages, finding a version in them, and packing an edited chain into pages again.
Does not  name pages: what `pack` wrote becomes reachable by the register write that follows, or is
          discarded.
Cost      a put writes at most a few pages once in about 24 puts (3 for 16 KiB versions); finding a
          version reads one page per level where clocks ran forward.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from typing import Final

from atoll.base.limits import PACKED_BYTES_MAX
from atoll.base.units import KIB
from atoll.core.formats.data_ref import StoredRef, strip_owner, with_owner
from atoll.core.formats.object_record import (
    NULL_VERSION,
    PageRef,
    PartEntry,
    decode_head,
)
from atoll.core.formats.parts_manifest import PartsManifest, decode_manifest, encode_manifest
from atoll.core.formats.version_page import (
    IndexPage,
    LeafPage,
    VersionPage,
    decode_page,
    encode_page,
)
from atoll.core.quorum.messages import Value
from atoll.objects.bytes_contract import ByteStore, DataRef
from atoll.objects.records import version_hint
from atoll.objects.versions.chain import (
    HEAD_BYTES_MAX,
    HEAD_VERSIONS_MAX,
    Chain,
    Entry,
    PageNeeded,
    PageNode,
    join_inline,
    page_may_hold,
    split_inline,
)
from atoll.registers.contract import Cell

#: What stays in a head that spilled: enough room for the next versions before it spills again.
KEEP_VERSIONS: Final = 8
KEEP_BYTES: Final = 16 * KIB
#: Pages folded into one index page at a time.
FOLD_PAGES: Final = 48
LEAF_VERSIONS_MAX: Final = 64
LEAF_BYTES_MAX: Final = 256 * KIB
#: Rough bytes of a version record besides its inline bytes and strings.
_RECORD_BYTES: Final = 160


async def read_all(store: ByteStore, ref: DataRef) -> bytes:
    """Return the whole content of a small reference."""
    return b"".join([bytes(chunk) async for chunk in store.read(ref, 0, ref.size_bytes - 1)])


async def write_blob(store: ByteStore, cell: Cell, content: bytes) -> DataRef:
    """Store a record's content under its owner, packed where it is small enough."""
    if len(content) <= PACKED_BYTES_MAX:
        return await store.write_whole(cell, content)
    return await store.write(cell, _chunks(content), size_hint=len(content), digests=None)


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), PACKED_BYTES_MAX):
        yield content[start : start + PACKED_BYTES_MAX]


def summarise(entries: Sequence[Entry], ref: StoredRef) -> PageRef:
    """Return the reference of a leaf page."""
    hints = [version_hint(entry.record.version_id, entry.record.modified_ns) for entry in entries]
    has_null = any(entry.record.version_id == NULL_VERSION for entry in entries)
    return PageRef(ref, 0, len(entries), min(hints), max(hints), has_null)


def _cut(entries: list[Entry]) -> Iterable[list[Entry]]:
    leaf: list[Entry] = []
    size_bytes = 0
    for entry in entries:
        entry_bytes = _size_of(entry)
        full = len(leaf) >= LEAF_VERSIONS_MAX or size_bytes + entry_bytes > LEAF_BYTES_MAX
        if leaf and full:
            yield leaf
            leaf, size_bytes = [], 0
        leaf.append(entry)
        size_bytes += entry_bytes
    if leaf:
        yield leaf


def _size_of(entry: Entry) -> int:
    record = entry.record
    strings = sum(
        len(name) + len(text)
        for fields in (record.headers, record.metadata, record.tags)
        for name, text in fields.items()
    )
    parts = 80 * len(record.parts)
    return _RECORD_BYTES + max(record.inline_bytes, 0) + 4 * strings + parts


class Pages:
    """The pages of keys, through a byte store."""

    def __init__(self, store: ByteStore) -> None:
        self._store = store

    async def load(self, cell: Cell, ref: PageRef) -> VersionPage:
        """Return a page."""
        return decode_page(await read_all(self._store, with_owner(ref.ref, cell.key)))

    async def manifest(self, cell: Cell, ref: StoredRef) -> tuple[PartEntry, ...]:
        """Return the parts listed in a manifest."""
        return decode_manifest(await read_all(self._store, with_owner(ref, cell.key))).parts

    async def write_manifest(self, cell: Cell, parts: tuple[PartEntry, ...]) -> StoredRef:
        """Store a manifest."""
        content = encode_manifest(PartsManifest(parts))
        return strip_owner(await write_blob(self._store, cell, content))

    async def discard(self, cell: Cell, refs: Iterable[StoredRef]) -> None:
        """Remove blobs that were never named."""
        for ref in refs:
            await self._store.discard(with_owner(ref, cell.key))

    async def locate(self, cell: Cell, value: Value, version_id: str) -> Entry | None:
        """Return a version of a value, wherever it lies."""
        head = decode_head(value.head)
        for entry in split_inline(head.versions, value.inline):
            if entry.record.version_id == version_id:
                return entry
        waiting = [ref for ref in reversed(head.pages) if page_may_hold(ref, version_id)]
        while waiting:
            page = await self.load(cell, waiting.pop())
            if isinstance(page, IndexPage):
                below = [ref for ref in page.pages if page_may_hold(ref, version_id)]
                waiting.extend(reversed(below))
                continue
            for entry in split_inline(page.versions, page.inline):
                if entry.record.version_id == version_id:
                    return entry
        return None

    async def walk(
        self, cell: Cell, refs: Sequence[PageRef], until: str = ""
    ) -> AsyncGenerator[LeafPage, None]:
        """Iterate over leaf pages, newest first; from the one on that may hold version `until`."""
        waiting = list(reversed(refs))
        searching = bool(until)
        while waiting:
            ref = waiting.pop()
            if searching and not page_may_hold(ref, until):
                continue
            page = await self.load(cell, ref)
            if isinstance(page, IndexPage):
                waiting.extend(reversed(page.pages))
                continue
            if searching:
                searching = not any(v.version_id == until for v in page.versions)
            if not searching:
                yield page

    async def pack(
        self, cell: Cell, chain: Chain, written: list[StoredRef], *, tight: bool = False
    ) -> None:
        """Move versions between head and pages until the chain fits; list new blobs in `written`.

        With `tight` the head spills even if it seems to fit: its size is an estimate here.

        Raises PageNeeded when the newest version lies in a page that is not loaded.
        """
        _pull_newest(chain)
        for node in [node for node in chain.nodes if node.changed]:
            chain.released.append(node.ref.ref.data_id)
            if node.entries:
                node.ref = await self._write_leaf(cell, node.entries, written)
            else:
                chain.nodes.remove(node)
            node.changed = False
        kept = _count_kept(chain.head, tight=tight)
        if kept < len(chain.head):
            spilled = chain.head[kept:]
            del chain.head[kept:]
            refs = [await self._write_leaf(cell, leaf, written) for leaf in _cut(spilled)]
            chain.nodes[:0] = [PageNode(ref) for ref in refs]
        while (run := chain.longest_run()) is not None:
            end = run[1]
            start = max(run[0], end - FOLD_PAGES)
            ref = await self._write_index(cell, chain.nodes[start:end], written)
            chain.nodes[start:end] = [PageNode(ref)]

    async def _write_leaf(
        self, cell: Cell, entries: list[Entry], written: list[StoredRef]
    ) -> PageRef:
        page = LeafPage([entry.record for entry in entries], join_inline(entries))
        ref = strip_owner(await write_blob(self._store, cell, encode_page(page)))
        written.append(ref)
        return summarise(entries, ref)

    async def _write_index(
        self, cell: Cell, nodes: Sequence[PageNode], written: list[StoredRef]
    ) -> PageRef:
        refs = [node.ref for node in nodes]
        ref = strip_owner(await write_blob(self._store, cell, encode_page(IndexPage(refs))))
        written.append(ref)
        return PageRef(
            ref,
            refs[0].level + 1,
            sum(below.count for below in refs),
            min(below.hint_min for below in refs),
            max(below.hint_max for below in refs),
            any(below.has_null for below in refs),
        )


def _pull_newest(chain: Chain) -> None:
    while not chain.head and chain.nodes:
        node = chain.nodes[0]
        if node.entries is None:
            raise PageNeeded(node.ref)
        chain.released.append(node.ref.ref.data_id)
        chain.head = node.entries
        for entry in node.entries:
            chain.adopt(entry.record)
        del chain.nodes[0]


def _count_kept(head: list[Entry], *, tight: bool) -> int:
    size_bytes = sum(_size_of(entry) for entry in head)
    if not tight and len(head) <= HEAD_VERSIONS_MAX and size_bytes <= HEAD_BYTES_MAX:
        return len(head)
    kept = 0
    size_bytes = 0
    for entry in head[:KEEP_VERSIONS]:
        size_bytes += _size_of(entry)
        if kept and size_bytes > KEEP_BYTES:
            break
        kept += 1
    return kept
