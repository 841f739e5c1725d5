"""Rows of listings, rendered by hand: the same bytes as the model's renderer, several times faster.

Owns      `Contents`, `Version`, `DeleteMarker`, `CommonPrefixes` and the frame around them.
Does not  decide what is listed or how keys are encoded: keys and prefixes arrive as content of
          elements, percent-encoded or escaped.
Invariant each row equals what `render.render_structure` gives for the same values; a test compares.
Bytes     a page of 1,000 rows is one string of about 300 KB, built by one join.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from atoll.objects.values import ListedKey, ObjectVersion
from atoll.s3.xml.render import PROLOGUE, Renderable, escape, render_structure
from atoll.s3.xml.shapes import S3_NAMESPACE, Shape
from atoll.s3.xml.times import render_iso_page


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


def render_objects(keys: Sequence[str], rows: Sequence[ListedKey], owner: str) -> list[str]:
    """Return `Contents` elements; `keys` are escaped, `owner` is a rendered element or empty."""
    tail = f"<StorageClass>STANDARD</StorageClass>{owner}</Contents>"
    times = render_iso_page([row.modified_ns for row in rows])
    return [
        f"<Contents><Key>{key}</Key><LastModified>{time}</LastModified>"
        f'<ETag>"{row.etag}"</ETag>'
        f"{_checksum(row.checksum_algorithm, is_composite=row.checksum_composite)}"
        f"<Size>{row.size_bytes}</Size>{tail}"
        for key, time, row in zip(keys, times, rows, strict=True)
    ]


def render_versions(keys: Sequence[str], rows: Sequence[ObjectVersion], owner: str) -> list[str]:
    """Return `Version` and `DeleteMarker` elements in the order given, as S3 mixes them."""
    times = render_iso_page([row.modified_ns for row in rows])
    elements: list[str] = []
    for key, time, row in zip(keys, times, rows, strict=True):
        is_latest = "true" if row.is_latest else "false"
        place = (
            f"<Key>{key}</Key><VersionId>{row.version_id}</VersionId>"
            f"<IsLatest>{is_latest}</IsLatest><LastModified>{time}</LastModified>"
        )
        if row.is_delete_marker:
            elements.append(f"<DeleteMarker>{owner}{place}</DeleteMarker>")
            continue
        checksum = row.checksum
        elements.append(
            f'<Version><ETag>"{row.etag}"</ETag>'
            f"{_checksum(checksum.algorithm, is_composite=checksum.composite) if checksum else ''}"
            f"<Size>{row.size_bytes}</Size><StorageClass>STANDARD</StorageClass>"
            f"{place}{owner}</Version>"
        )
    return elements


def render_prefixes(prefixes: Iterable[str]) -> list[str]:
    """Return `CommonPrefixes` elements; `prefixes` are escaped."""
    return [f"<CommonPrefixes><Prefix>{prefix}</Prefix></CommonPrefixes>" for prefix in prefixes]


def _checksum(algorithm: str, *, is_composite: bool) -> str:
    if not algorithm:
        return ""
    kind = "COMPOSITE" if is_composite else "FULL_OBJECT"
    return f"<ChecksumAlgorithm>{algorithm}</ChecksumAlgorithm><ChecksumType>{kind}</ChecksumType>"
