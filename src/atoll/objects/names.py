"""Say which data a register's value names, with the references that heal needs to rebuild it.

Owns      the walk from a head to all its data: versions, parts, manifests, pages of any level;
          uploads that are being completed; parts; and the key ranges of a bucket.
Does not  judge what may be removed: `ownership.py` does, over several registers.
Order     a page or manifest comes before what it lists, so that it can be healed before it is read.
Limits    bytes that a part superseded are named by id alone, so they are not rebuilt; nobody reads
          them unless a completion that began before wins. Of an upload in completion only the
          manifest is named here: its parts are named by their own registers until it is completed.
Source    docs/design/heal.md
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence

from atoll.base.names import BucketName
from atoll.core.formats.data_ref import DataRef, StoredRef, with_owner
from atoll.core.formats.object_record import PageRef, VersionRecord, decode_head
from atoll.core.formats.part_record import decode_part
from atoll.core.formats.upload_record import UploadState, decode_upload
from atoll.core.formats.version_page import IndexPage
from atoll.objects.bytes_contract import ByteStore
from atoll.objects.keys import (
    OWNER_BYTES,
    bucket_cell,
    prefix_end,
    split_part_key,
    split_upload_key,
)
from atoll.objects.versions.pages import Pages
from atoll.registers.contract import Cell

_OBJECT = b"b/"
_UPLOAD = b"u/"
_PART = b"p/"

KeyRange = tuple[bytes, bytes]


class DataNames:
    """Finds the data that register values name."""

    def __init__(self, store: ByteStore) -> None:
        self._pages = Pages(store)

    async def refs(self, key: bytes, head: bytes, /) -> AsyncGenerator[DataRef, None]:
        """Iterate over all data that the head of `key` names, pages and manifests included.

        Raises Damaged and Unavailable when a page or manifest cannot be read; what comes behind it
        is not known then.
        """
        if key.startswith(_OBJECT):
            record = decode_head(head)
            async for ref in self._versions(key, record.versions):
                yield ref
            async for ref in self._page_refs(key, record.pages):
                yield ref
        elif key.startswith(_UPLOAD):
            upload = decode_upload(head)
            completion = upload.completion
            if upload.state is UploadState.COMPLETING and completion is not None:
                manifest = completion.version.manifest
                if manifest is not None:
                    object_key, _ = split_upload_key(key)
                    yield with_owner(manifest, _owner_of(key, object_key))
        elif key.startswith(_PART):
            stored = decode_part(head).ref
            if stored is not None:
                object_key, _, _ = split_part_key(key)
                yield with_owner(stored, _owner_of(key, object_key))

    def companions(self, key: bytes) -> tuple[KeyRange, ...]:
        """Return the key ranges whose registers name data owned by `key`, on the same set."""
        if not key.startswith(_OBJECT):
            return ()
        owner = key[len(_OBJECT) :]
        return (
            (_PART + owner + b"\0", _PART + owner + b"\1"),
            (_UPLOAD + owner + b"\0", _UPLOAD + owner + b"\1"),
        )

    async def _versions(
        self, owner: bytes, versions: Sequence[VersionRecord]
    ) -> AsyncGenerator[DataRef, None]:
        for version in versions:
            for stored in _direct(version):
                yield with_owner(stored, owner)
            if version.manifest is not None:
                yield with_owner(version.manifest, owner)
                cell = Cell(owner, owner)
                for part in await self._pages.manifest(cell, version.manifest):
                    if part.ref is not None:
                        yield with_owner(part.ref, owner)

    async def _page_refs(
        self, owner: bytes, pages: Sequence[PageRef]
    ) -> AsyncGenerator[DataRef, None]:
        waiting = list(reversed(pages))
        while waiting:
            ref = waiting.pop()
            yield with_owner(ref.ref, owner)
            page = await self._pages.load(Cell(owner, owner), ref)
            if isinstance(page, IndexPage):
                waiting.extend(reversed(page.pages))
                continue
            async for data in self._versions(owner, page.versions):
                yield data


def bucket_ranges(name: BucketName, *, incarnation: bytes, prefix: bytes) -> tuple[KeyRange, ...]:
    """Return the register keys of a bucket's objects, uploads and parts under a key prefix.

    The bucket's own register comes first.
    """
    own = bucket_cell(name).key
    starts = [letter + incarnation + prefix for letter in (_OBJECT, _UPLOAD, _PART)]
    return ((own, own + b"\0"), *((start, prefix_end(start)) for start in starts))


def _direct(version: VersionRecord) -> Iterator[StoredRef]:
    if version.data is not None:
        yield version.data
    for part in version.parts:
        if part.ref is not None:
            yield part.ref


def _owner_of(register_key: bytes, object_key: bytes) -> bytes:
    return _OBJECT + register_key[len(_OBJECT) : OWNER_BYTES] + object_key
