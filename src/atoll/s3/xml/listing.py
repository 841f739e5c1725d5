"""Rows of listings, rendered by hand: the same bytes as the model's renderer, several times faster.

Owns      `Contents`, `Version`, `DeleteMarker`, `CommonPrefixes` and the frame around them.
Does not  decide what is listed or how keys are encoded: keys arrive as text, already
          percent-encoded if the client asked for it.
Invariant each row equals what `render.render_structure` gives for the same values; a test compares.
Bytes     a page of 1,000 rows is one string of about 300 KB, built by one join.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from atoll.s3.xml.render import PROLOGUE, Renderable, escape, render_structure
from atoll.s3.xml.shapes import S3_NAMESPACE, Shape
from atoll.s3.xml.times import IsoPage


class ObjectRow(msgspec.Struct, frozen=True, array_like=True):
    """One current object. `etag` without quotes; `checksum_type` is empty without a checksum."""

    key: str
    modified_ns: int
    etag: str
    size_bytes: int
    checksum_algorithm: str = ""
    checksum_type: str = ""


class VersionRow(msgspec.Struct, frozen=True, array_like=True):
    """One version or delete marker."""

    key: str
    version_id: str
    is_latest: bool
    is_delete_marker: bool
    modified_ns: int
    etag: str = ""
    size_bytes: int = 0
    checksum_algorithm: str = ""
    checksum_type: str = ""


def render_listing(
    root: str, shape: Shape, head: Mapping[str, Renderable], rows: Iterable[str]
) -> bytes:
    """Return a listing's document: its simple members, then its rows.

    S3 gives the rows behind the simple members; clients do not depend on the order.
    """
    return "".join(
        (
            f'{PROLOGUE}<{root} xmlns="{S3_NAMESPACE}">',
            render_structure(shape, head),
            *rows,
            f"</{root}>",
        )
    ).encode()


def render_owner(account: str, display_name: str) -> str:
    """Return the `Owner` element, once for all rows of a page."""
    name = f"<DisplayName>{escape(display_name)}</DisplayName>"
    return f"<Owner>{name}<ID>{escape(account)}</ID></Owner>"


def render_objects(rows: Iterable[ObjectRow], owner: str) -> Iterable[str]:
    """Yield `Contents` elements; `owner` is a rendered element or empty."""
    tail = f"<StorageClass>STANDARD</StorageClass>{owner}</Contents>"
    iso = IsoPage().render
    for row in rows:
        yield (
            f"<Contents><Key>{escape(row.key)}</Key>"
            f"<LastModified>{iso(row.modified_ns)}</LastModified>"
            f"<ETag>&quot;{row.etag}&quot;</ETag>{_checksum(row)}"
            f"<Size>{row.size_bytes}</Size>{tail}"
        )


def render_versions(rows: Iterable[VersionRow], owner: str) -> Iterable[str]:
    """Yield `Version` and `DeleteMarker` elements in the order given, as S3 mixes them."""
    iso = IsoPage().render
    for row in rows:
        is_latest = "true" if row.is_latest else "false"
        place = (
            f"<Key>{escape(row.key)}</Key><VersionId>{row.version_id}</VersionId>"
            f"<IsLatest>{is_latest}</IsLatest>"
            f"<LastModified>{iso(row.modified_ns)}</LastModified>"
        )
        if row.is_delete_marker:
            yield f"<DeleteMarker>{owner}{place}</DeleteMarker>"
        else:
            yield (
                f"<Version><ETag>&quot;{row.etag}&quot;</ETag>{_checksum(row)}"
                f"<Size>{row.size_bytes}</Size><StorageClass>STANDARD</StorageClass>"
                f"{place}{owner}</Version>"
            )


def render_prefixes(prefixes: Iterable[str]) -> Iterable[str]:
    """Yield `CommonPrefixes` elements."""
    for prefix in prefixes:
        yield f"<CommonPrefixes><Prefix>{escape(prefix)}</Prefix></CommonPrefixes>"


def _checksum(row: ObjectRow | VersionRow) -> str:
    if not row.checksum_algorithm:
        return ""
    return (
        f"<ChecksumAlgorithm>{row.checksum_algorithm}</ChecksumAlgorithm>"
        f"<ChecksumType>{row.checksum_type}</ChecksumType>"
    )
