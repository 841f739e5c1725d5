"""What listings share: the spelling of keys, and rows.

Owns      the step from a page of the object layer to rows of `s3.xml.listing`.
Does not  page or read parameters; each action does.
Invariant keys, prefixes, delimiters and key markers are percent-encoded together or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from atoll.objects.values import ObjectPage, VersionPage
from atoll.s3.call import Document, Principal
from atoll.s3.listings.paging import encode_url, is_url_encoded, same
from atoll.s3.xml.listing import (
    ObjectRow,
    VersionRow,
    render_objects,
    render_owner,
    render_prefixes,
    render_versions,
)


class Spelling:
    """How keys are written in one answer."""

    __slots__ = ("encoding", "text")

    def __init__(self, values: Document) -> None:
        is_encoded = is_url_encoded(values)
        #: The `EncodingType` member, None when keys stand as they are.
        self.encoding = "url" if is_encoded else None
        self.text = encode_url if is_encoded else same

    def key(self, raw: bytes) -> str:
        """Return a key or prefix as it is written."""
        return self.text(raw.decode("utf-8", "replace"))


def object_rows(page: ObjectPage, spelling: Spelling, owner: Principal | None) -> Iterable[str]:
    """Return rendered rows of current objects, then of common prefixes."""
    text = spelling.text
    rows = (
        ObjectRow(
            text(listed.key.decode("utf-8", "replace")),
            listed.modified_ns,
            listed.etag,
            listed.size_bytes,
            listed.checksum_algorithm,
            "COMPOSITE" if listed.checksum_composite else "FULL_OBJECT",
        )
        for listed in page.keys
    )
    return chain(render_objects(rows, _owner(owner)), prefix_rows(page.prefixes, spelling))


def version_rows(page: VersionPage, spelling: Spelling, owner: Principal) -> Iterable[str]:
    """Return rendered rows of versions and delete markers, then of common prefixes."""
    rows = (
        VersionRow(
            spelling.key(version.key),
            version.version_id,
            version.is_latest,
            version.is_delete_marker,
            version.modified_ns,
            version.etag,
            version.size_bytes,
            version.checksum.algorithm if version.checksum else "",
            "COMPOSITE" if version.checksum and version.checksum.composite else "FULL_OBJECT",
        )
        for version in page.versions
    )
    return chain(render_versions(rows, _owner(owner)), prefix_rows(page.prefixes, spelling))


def prefix_rows(prefixes: Iterable[bytes], spelling: Spelling) -> Iterable[str]:
    """Return rendered rows of common prefixes."""
    return render_prefixes(spelling.key(prefix) for prefix in prefixes)


def _owner(principal: Principal | None) -> str:
    if principal is None:
        return ""
    return render_owner(principal.account, principal.display_name)
