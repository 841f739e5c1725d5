"""Rows of listings: the same bytes as the model's renderer, fast enough for full pages."""

import time

from atoll.objects.values import Checksum, ListedKey, ObjectVersion
from atoll.s3.xml.listing import (
    render_listing,
    render_objects,
    render_owner,
    render_prefixes,
    render_versions,
)
from atoll.s3.xml.render import escape, render_document, render_structure
from atoll.s3.xml.times import datetime_from_ns
from fakes.s3_front import service_model

OWNER = {"DisplayName": "o<o", "ID": "id&"}
OWNER_ELEMENT = render_owner("id&", "o<o")
MODIFIED_NS = 1_700_000_000_123_456_789


def contents(row: ListedKey, owner):
    kind = "COMPOSITE" if row.checksum_composite else "FULL_OBJECT"
    return {
        "Key": row.key.decode(),
        "LastModified": datetime_from_ns(row.modified_ns),
        "ETag": f'"{row.etag}"',
        "ChecksumAlgorithm": [row.checksum_algorithm] if row.checksum_algorithm else None,
        "ChecksumType": kind if row.checksum_algorithm else None,
        "Size": row.size_bytes,
        "StorageClass": "STANDARD",
        "Owner": owner,
    }


def version(key: bytes, version_id: str, **values):
    return ObjectVersion(
        key=key,
        version_id=version_id,
        **{"is_delete_marker": False, "is_latest": False, "modified_ns": MODIFIED_NS, **values},
    )


def keys_of(rows):
    return [escape(row.key.decode()) for row in rows]


def shape(operation: str):
    return service_model().operations[operation].output


def test_object_rows_equal_the_rendered_model():
    rows = [
        ListedKey(b"a", MODIFIED_NS, 5, "d" * 32),
        ListedKey("<&>\r\x01é".encode(), 0, 2**40, "d" * 32 + "-2", "CRC32", True),
        ListedKey(b"c", 0, 0, "d" * 32, "SHA1"),
    ]
    for owner, element in ((OWNER, OWNER_ELEMENT), (None, "")):
        expected = render_structure(
            shape("ListObjectsV2"), {"Contents": [contents(row, owner) for row in rows]}
        )
        assert "".join(render_objects(keys_of(rows), rows, element)) == expected


def test_version_rows_equal_the_rendered_model():
    checksum = Checksum("SHA1", b"")
    row = version(b"k&", "v1", is_latest=True, etag="e" * 32, size_bytes=7, checksum=checksum)
    place = {"Key": "k&", "VersionId": "v1", "LastModified": datetime_from_ns(MODIFIED_NS)}
    values = {
        **contents(ListedKey(b"k&", MODIFIED_NS, 7, row.etag, "SHA1"), OWNER),
        **place,
        "IsLatest": True,
    }
    expected = render_structure(shape("ListObjectVersions"), {"Versions": [values]})
    assert "".join(render_versions(keys_of([row]), [row], OWNER_ELEMENT)) == expected
    marker = version(b"k&", "v1", is_delete_marker=True)
    expected = render_structure(
        shape("ListObjectVersions"),
        {"DeleteMarkers": [{**place, "IsLatest": False, "Owner": OWNER}]},
    )
    assert "".join(render_versions(keys_of([marker]), [marker], OWNER_ELEMENT)) == expected


def test_versions_and_markers_stay_mixed():
    rows = [
        version(b"a", "2", is_latest=True, is_delete_marker=True),
        version(b"a", "1"),
        version(b"b", "3", is_latest=True, is_delete_marker=True),
    ]
    elements = render_versions(keys_of(rows), rows, "")
    assert [element.split(">")[0] for element in elements] == [
        "<DeleteMarker",
        "<Version",
        "<DeleteMarker",
    ]


def test_a_listing_is_its_head_and_its_rows():
    head = {"Name": "b", "IsTruncated": True}
    values = {**head, "CommonPrefixes": [{"Prefix": "a&/"}]}
    document = render_listing(
        "ListBucketResult", shape("ListObjects"), head, render_prefixes(["a&amp;/"])
    )
    assert document == render_document("ListBucketResult", shape("ListObjects"), values)


def test_a_page_of_a_thousand_rows_takes_milliseconds():
    rows = [ListedKey(f"folder/{n:08}".encode(), MODIFIED_NS + n, n, "d" * 32) for n in range(1000)]
    keys = keys_of(rows)
    best_s = 1.0
    for _ in range(5):
        started_s = time.perf_counter()
        render_objects(keys, rows, OWNER_ELEMENT)
        best_s = min(best_s, time.perf_counter() - started_s)
    # Measured at about 0.8 ms; the bound leaves room for busy machines.
    assert best_s < 0.02
