"""ListParts: the parts of an upload in progress, by number.

Source    AWS ListParts.
"""

from __future__ import annotations

from atoll.objects.values import Part, PartPage
from atoll.s3.call import Answer, Call, Document, Field
from atoll.s3.headers.checksums import checksum_members, kind_of
from atoll.s3.listings.owners import owner_of
from atoll.s3.listings.paging import page_limit
from atoll.s3.protocol.members import bounded, upload_id
from atoll.s3.xml.render import legible
from atoll.s3.xml.times import datetime_from_ns


async def list_parts(call: Call) -> Answer:
    """Return a page of parts."""
    assert call.bucket is not None
    assert call.key is not None
    limit = page_limit(call.input, "MaxParts", "max-parts")
    after = bounded(call.input, "PartNumberMarker", "part-number-marker") or 0
    # A page of no rows still says whose upload it is, so the store is asked for one.
    page = await call.service.store.list_parts(
        call.bucket, call.key, upload_id(call.input), after=after, limit=max(limit, 1)
    )
    parts = page.parts[:limit]
    output: dict[str, Field] = {
        "Bucket": call.bucket,
        "Key": legible(call.key.decode()),
        "UploadId": page.upload.upload_id,
        "PartNumberMarker": after,
        "NextPartNumberMarker": parts[-1].number if parts else 0,
        "MaxParts": limit,
        "IsTruncated": limit > 0 and page.next_number is not None,
        "Parts": [_row(part) for part in parts],
        "Initiator": owner_of(call.principal),
        "Owner": owner_of(call.principal),
        "StorageClass": "STANDARD",
    }
    return Answer(output={**output, **_checksum(page)})


def _row(part: Part) -> Document:
    return {
        "PartNumber": part.number,
        "LastModified": datetime_from_ns(part.modified_ns),
        "ETag": f'"{part.etag}"',
        "Size": part.size_bytes,
        **checksum_members(part.checksum),
    }


def _checksum(page: PartPage) -> Document:
    upload = page.upload
    if not upload.checksum_algorithm:
        return {}
    return {
        "ChecksumAlgorithm": upload.checksum_algorithm,
        "ChecksumType": kind_of(upload.checksum_composite),
    }
