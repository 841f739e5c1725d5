"""The versions of one key as an edit sees them. Pure.

Owns      reading a register value as a chain of versions, changing it, and making a `Change` of it.
Does not  read or write pages: a chain that needs one raises `PageNeeded`, one that does not fit its
          register raises `Overfull`, and the editor (`commit.py`) repeats the edit with the page.
Invariant newest first: all of `head` is newer than all of `nodes`; a chain with versions has one in
          its head, so the current version never needs a page.
Invariant `released` holds exactly the ids that nothing of this key names after the edit; parts of
          removed manifests excepted, whose manifests are in `dropped`.
Source    docs/design/objects.md
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from atoll.base.errors import MetadataTooLarge, RecordCorrupt
from atoll.base.ids import DataId
from atoll.base.limits import REGISTER_BYTES_MAX
from atoll.base.units import KIB
from atoll.core.formats.data_ref import StoredRef
from atoll.core.formats.object_record import (
    NULL_VERSION,
    ObjectHead,
    PageRef,
    PendingUpload,
    VersionRecord,
    decode_head,
    encode_head,
    encode_summary,
)
from atoll.core.formats.version_page import IndexPage, LeafPage, VersionPage
from atoll.core.quorum.messages import Value
from atoll.objects.records import parse_hint
from atoll.registers.contract import Change

#: More versions than this make every write of the key carry records nobody asked for.
HEAD_VERSIONS_MAX: Final = 32
#: A head with several versions spills beyond this; every put rewrites what stays.
HEAD_BYTES_MAX: Final = 48 * KIB
#: Page references of one level in a head; beyond it the older ones fold into an index page.
NODES_MAX: Final = 64
#: What the register's own fields, lineage and ids may need beside summary, head and inline.
_RESERVE_BYTES: Final = 4 * KIB


class PageNeeded(Exception):
    """The edit touches versions of this page; repeat it with the page loaded."""

    def __init__(self, ref: PageRef) -> None:
        super().__init__("a version page is needed")
        self.ref = ref


class Overfull(Exception):
    """The chain does not fit its register; some versions must move to a page."""


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """A version with its inline bytes; None: its bytes are elsewhere, or it has none."""

    record: VersionRecord
    inline: bytes | None = None


class PageNode:
    """A page in a chain. `entries` is None while the page is not loaded."""

    __slots__ = ("changed", "entries", "ref")

    def __init__(self, ref: PageRef, entries: list[Entry] | None = None) -> None:
        self.ref = ref
        self.entries = entries
        self.changed = False

    def may_hold(self, version_id: str) -> bool:
        """Return whether the page may hold a version."""
        return page_may_hold(self.ref, version_id)


def page_may_hold(ref: PageRef, version_id: str) -> bool:
    """Return whether a version may be in a page or below it."""
    if version_id == NULL_VERSION:
        return ref.has_null
    hint = parse_hint(version_id)
    return hint is not None and ref.hint_min <= hint <= ref.hint_max


def split_inline(versions: list[VersionRecord], inline: bytes) -> list[Entry]:
    """Return versions with their shares of the inline bytes. Raises RecordCorrupt."""
    if len(versions) == 1 and versions[0].inline_bytes == len(inline):
        return [Entry(versions[0], inline)]
    entries = []
    at = 0
    for record in versions:
        size_bytes = record.inline_bytes
        if size_bytes < 0:
            entries.append(Entry(record))
            continue
        entries.append(Entry(record, inline[at : at + size_bytes]))
        at += size_bytes
    if at != len(inline):
        found = len(inline)
        raise RecordCorrupt("Inline bytes do not fit their versions.", expected=at, found=found)
    return entries


def join_inline(entries: list[Entry]) -> bytes:
    """Return the inline bytes of versions, one after the other."""
    if len(entries) == 1:
        return entries[0].inline or b""
    return b"".join([entry.inline for entry in entries if entry.inline])


def named_ids(record: VersionRecord) -> Iterator[DataId]:
    """Iterate over the data ids of a version, but for those inside its manifest."""
    if record.data is not None:
        yield record.data.data_id
    if record.manifest is not None:
        yield record.manifest.data_id
    for part in record.parts:
        if part.ref is not None:
            yield part.ref.data_id


class Chain:
    """The versions of a key during one edit."""

    __slots__ = ("adopted", "dropped", "head", "nodes", "pending", "released", "touched")

    def __init__(self, value: Value | None, loaded: Mapping[DataId, VersionPage]) -> None:
        self.touched = False
        self.released: list[DataId] = []
        #: Ids that pages or uploads kept alive until this edit: the head names them, though old.
        self.adopted: list[DataId] = []
        #: Manifests of removed versions: their parts are to be freed, then they.
        self.dropped: list[StoredRef] = []
        self.head: list[Entry] = []
        self.nodes: list[PageNode] = []
        self.pending: list[PendingUpload] = []
        if value is None:
            return
        head = decode_head(value.head)
        self.head = split_inline(head.versions, value.inline)
        self.pending = head.pending
        for ref in head.pages:
            self._add_node(ref, loaded)

    def _add_node(self, ref: PageRef, loaded: Mapping[DataId, VersionPage]) -> None:
        page = loaded.get(ref.ref.data_id)
        match page:
            case None:
                self.nodes.append(PageNode(ref))
            case LeafPage():
                self.nodes.append(PageNode(ref, split_inline(page.versions, page.inline)))
            case IndexPage():
                # The index dissolves into what it names; packing folds it again if need be.
                self.released.append(ref.ref.data_id)
                for child in page.pages:
                    self.adopted.append(child.ref.data_id)
                    self._add_node(child, loaded)

    def current(self) -> Entry | None:
        """Return the newest version."""
        return self.head[0] if self.head else None

    def current_etag(self) -> str | None:
        """Return the ETag that conditions of writes compare with; None: no current object."""
        if not self.head or self.head[0].record.is_delete_marker:
            return None
        return self.head[0].record.etag

    def find(self, version_id: str) -> Entry | None:
        """Return a version. Raises PageNeeded."""
        entries, index, _ = self._place_of(version_id)
        return None if entries is None else entries[index]

    def insert(self, entry: Entry) -> None:
        """Make a version the newest. A null version replaces the null version there is."""
        if entry.record.version_id == NULL_VERSION:
            self.remove(NULL_VERSION)
        self.head.insert(0, entry)
        self.touched = True

    def adopt(self, record: VersionRecord) -> None:
        """Say that the ids of a version now in the head were kept alive elsewhere until now."""
        self.adopted.extend(named_ids(record))

    def remove(self, version_id: str) -> Entry | None:
        """Remove a version and return it. Raises PageNeeded."""
        entries, index, node = self._place_of(version_id)
        if entries is None:
            return None
        entry = entries.pop(index)
        if node is not None:
            node.changed = True
        manifest = entry.record.manifest
        for data_id in named_ids(entry.record):
            if manifest is None or data_id != manifest.data_id:
                self.released.append(data_id)
        if manifest is not None:
            self.dropped.append(manifest)
        self.touched = True
        return entry

    def replace(self, record: VersionRecord) -> None:
        """Put another record, of the same bytes, in the place of a version's. Raises PageNeeded."""
        entries, index, node = self._place_of(record.version_id)
        if entries is None:
            raise AssertionError("only a version that was found can be replaced")
        entries[index] = Entry(record, entries[index].inline)
        if node is not None:
            node.changed = True
        self.touched = True

    def has_only_null(self) -> bool:
        """Return whether no version but the null version was ever made and kept."""
        if self.nodes or len(self.head) > 1:
            return False
        return not self.head or self.head[0].record.version_id == NULL_VERSION

    def _place_of(self, version_id: str) -> tuple[list[Entry] | None, int, PageNode | None]:
        for index, entry in enumerate(self.head):
            if entry.record.version_id == version_id:
                return self.head, index, None
        for node in self.nodes:
            if not node.may_hold(version_id):
                continue
            if node.entries is None:
                raise PageNeeded(node.ref)
            for index, entry in enumerate(node.entries):
                if entry.record.version_id == version_id:
                    return node.entries, index, node
        return None, 0, None

    def to_change(self) -> Change:
        """Return the write that makes this chain the value of its register.

        Raises
            PageNeeded: the newest version lies in a page.
            Overfull: several versions do not fit.
            MetadataTooLarge: one version alone does not fit.
        """
        released = tuple(self.released)
        if not self.head:
            if self.nodes:
                raise PageNeeded(self.nodes[0].ref)
            if not self.pending:
                return Change(False, released=released)
        versions = [entry.record for entry in self.head]
        head = encode_head(ObjectHead(versions, [node.ref for node in self.nodes], self.pending))
        inline = join_inline(self.head) if versions else b""
        summary = encode_summary(versions[0]) if versions else b""
        self._check_size(len(head) + len(inline) + len(summary))
        data_ids = [node.ref.ref.data_id for node in self.nodes]
        for record in versions:
            if record.data is not None:
                data_ids.append(record.data.data_id)
            if record.manifest is not None:
                data_ids.append(record.manifest.data_id)
        adopts = tuple(self.adopted)
        return Change(True, summary, head, inline, tuple(data_ids), released, adopts)

    def _check_size(self, size_bytes: int) -> None:
        if any(node.changed for node in self.nodes):
            raise Overfull
        several = len(self.head) > 1
        if several and (len(self.head) > HEAD_VERSIONS_MAX or size_bytes > HEAD_BYTES_MAX):
            raise Overfull
        if len(self.nodes) > NODES_MAX and self.longest_run() is not None:
            raise Overfull
        if size_bytes > REGISTER_BYTES_MAX - _RESERVE_BYTES:
            raise MetadataTooLarge(
                "The version does not fit a record.",
                size_bytes=size_bytes,
                size_bytes_max=REGISTER_BYTES_MAX - _RESERVE_BYTES,
            )

    def longest_run(self) -> tuple[int, int] | None:
        """Return [start, end) of the longest run of one level that has more pages than allowed."""
        counts: dict[int, int] = {}
        for node in self.nodes:
            counts[node.ref.level] = counts.get(node.ref.level, 0) + 1
        for level, count in sorted(counts.items()):
            if count > NODES_MAX:
                return _longest(level, self.nodes)
        return None


def _longest(level: int, nodes: list[PageNode]) -> tuple[int, int] | None:
    best = (0, 0)
    start = 0
    for index in range(len(nodes) + 1):
        if index < len(nodes) and nodes[index].ref.level == level:
            continue
        if index - start > best[1] - best[0]:
            best = (start, index)
        start = index + 1
    return best if best[1] - best[0] > 1 else None
