"""Version pages, format 1: immutable blobs that hold the older versions of a key.

Owns      leaf pages (versions and their inline bytes) and index pages (references to pages).
Invariant a page is never changed: an edit writes another page and the head names that one. Versions
          are newest first; so are references.
Write     the page is durable before a head names it; a crash in between leaves an orphan.
Source    docs/formats/version-page.md
"""

from __future__ import annotations

from typing import Final

import msgspec

from atoll.base.errors import RecordCorrupt
from atoll.core.formats.framed import decode_framed
from atoll.core.formats.object_record import PageRef, VersionRecord

FORMAT: Final = 1


class LeafPage(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=0):
    """Versions newest first; `inline` holds their inline bytes, one after the other."""

    versions: list[VersionRecord]
    inline: bytes


class IndexPage(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=1):
    """References newest first, all of the level below this page's."""

    pages: list[PageRef]


VersionPage = LeafPage | IndexPage

_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(VersionPage)


def encode_page(page: VersionPage) -> bytes:
    """Return the stored bytes of a page."""
    return bytes((FORMAT,)) + _encoder.encode(page)


def decode_page(raw: bytes) -> VersionPage:
    """Return a page. Raises RecordCorrupt, FormatUnknown."""
    page: VersionPage = decode_framed(_decoder, FORMAT, raw, record="version page")
    if isinstance(page, LeafPage):
        named = sum(max(version.inline_bytes, 0) for version in page.versions)
        if named != len(page.inline):
            raise RecordCorrupt(
                "A version page has other inline bytes than its versions say.",
                expected=named,
                found=len(page.inline),
            )
    return page
