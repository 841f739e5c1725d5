"""What listings share: the spelling of keys, and rows.

Owns      the step from a page of the object layer to rows of `s3.xml.listing`.
Does not  page or read parameters; each action does.
Invariant keys, prefixes, delimiters and key markers are percent-encoded together or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from atoll.objects.values import ObjectPage, VersionPage
from atoll.s3.call import Document, Principal
from atoll.s3.listings.paging import encode_url, encode_url_page, is_url_encoded, same
from atoll.s3.xml.listing import (
    render_objects,
    render_owner,
    render_prefixes,
    render_versions,
)
from atoll.s3.xml.render import escape_page


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

    def elements(self, raws: Sequence[bytes]) -> list[str]:
        """Return keys or prefixes as content of elements; percent-encoded ones have no markup."""
        return escape_page(raws) if self.encoding is None else encode_url_page(raws)


def object_rows(page: ObjectPage, spelling: Spelling, owner: Principal | None) -> Iterable[str]:
    """Return rendered rows of current objects, then of common prefixes."""
    keys = spelling.elements([listed.key for listed in page.keys])
    return chain(
        render_objects(keys, page.keys, _owner(owner)), prefix_rows(page.prefixes, spelling)
    )


def version_rows(page: VersionPage, spelling: Spelling, owner: Principal) -> Iterable[str]:
    """Return rendered rows of versions and delete markers, then of common prefixes."""
    keys = spelling.elements([version.key for version in page.versions])
    rows = render_versions(keys, page.versions, _owner(owner))
    return chain(rows, prefix_rows(page.prefixes, spelling))


def prefix_rows(prefixes: Sequence[bytes], spelling: Spelling) -> list[str]:
    """Return rendered rows of common prefixes."""
    return render_prefixes(spelling.elements(prefixes))


def _owner(principal: Principal | None) -> str:
    if principal is None:
        return ""
    return render_owner(principal.account, principal.display_name)
