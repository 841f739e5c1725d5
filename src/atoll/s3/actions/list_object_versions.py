"""ListObjectVersions: all versions and delete markers, newest first within a key.

Source    AWS ListObjectVersions. A version marker needs a key marker and may not be empty; both
          Next markers of a truncated page continue behind its last row.
Invariant versions and delete markers stand mixed, in listing order.
"""

from __future__ import annotations

from atoll.objects.contract import ListRequest
from atoll.objects.values import VersionPage
from atoll.s3.call import Answer, Call, Field
from atoll.s3.errors import S3Error
from atoll.s3.listings.paging import page_limit, text_of
from atoll.s3.listings.rows import Spelling, version_rows
from atoll.s3.protocol.members import check_version_id


async def list_object_versions(call: Call) -> Answer:
    """List a page of versions."""
    assert call.bucket is not None
    values = call.input
    limit = page_limit(values, "MaxKeys", "max-keys")
    spelling = Spelling(values)
    prefix, delimiter = text_of(values, "Prefix"), text_of(values, "Delimiter")
    key_marker, version_marker = text_of(values, "KeyMarker"), _version_marker(call)
    page = VersionPage([], [], None, None)
    if limit:
        page = await call.service.store.list_versions(
            ListRequest(
                bucket=call.bucket,
                prefix=prefix.encode(),
                delimiter=delimiter.encode(),
                after=key_marker.encode(),
                after_id=version_marker,
                limit=limit,
            )
        )
    else:
        await call.service.store.head_bucket(call.bucket)
    head: dict[str, Field] = {
        "Name": call.bucket,
        "Prefix": spelling.text(prefix),
        "KeyMarker": spelling.text(key_marker),
        "VersionIdMarker": version_marker,
        "MaxKeys": limit,
        "Delimiter": spelling.text(delimiter) if delimiter else None,
        "EncodingType": spelling.encoding,
        "IsTruncated": page.next_key is not None,
    }
    if page.next_key is not None:
        head["NextKeyMarker"] = spelling.key(page.next_key)
        head["NextVersionIdMarker"] = page.next_version_id
    return Answer(output=head, rows=version_rows(page, spelling, call.principal))


def _version_marker(call: Call) -> str:
    """Return the version marker, empty when there is none."""
    marker = call.input.get("VersionIdMarker")
    if marker is None:
        return ""
    assert isinstance(marker, str)
    if not marker:
        raise S3Error(
            "InvalidArgument",
            "A version-id marker cannot be empty.",
            argument="version-id-marker",
            found=marker,
        )
    if not text_of(call.input, "KeyMarker"):
        raise S3Error(
            "InvalidArgument",
            "A version-id marker cannot be specified without a key marker.",
            argument="version-id-marker",
            found=marker,
        )
    return check_version_id(marker, argument="version-id-marker")
