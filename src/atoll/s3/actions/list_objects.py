"""ListObjects: current objects, continued by a marker.

Source    AWS ListObjects (version 1). `NextMarker` stands only in truncated listings with a
          delimiter; otherwise the last key is the marker.
Invariant `max-keys=0` answers an empty page that is not truncated, for an existing bucket.
"""

from __future__ import annotations

from atoll.objects.contract import ListRequest
from atoll.objects.values import ObjectPage
from atoll.s3.call import Answer, Call, Field
from atoll.s3.listings.paging import page_limit, text_of
from atoll.s3.listings.rows import Spelling, object_rows


async def list_objects(call: Call) -> Answer:
    """List a page of objects."""
    assert call.bucket is not None
    values = call.input
    limit = page_limit(values, "MaxKeys", "max-keys")
    spelling = Spelling(values)
    prefix, delimiter = text_of(values, "Prefix"), text_of(values, "Delimiter")
    marker = text_of(values, "Marker")
    page = ObjectPage([], [], None)
    if limit:
        page = await call.service.store.list_objects(
            ListRequest(
                bucket=call.bucket,
                prefix=prefix.encode(),
                delimiter=delimiter.encode(),
                after=marker.encode(),
                limit=limit,
            )
        )
    else:
        await call.service.store.head_bucket(call.bucket)
    head: dict[str, Field] = {
        "Name": call.bucket,
        "Prefix": spelling.text(prefix),
        "Marker": spelling.text(marker),
        "MaxKeys": limit,
        "Delimiter": spelling.text(delimiter) if delimiter else None,
        "EncodingType": spelling.encoding,
        "IsTruncated": page.next_after is not None,
    }
    if page.next_after is not None and delimiter:
        head["NextMarker"] = spelling.key(page.next_after)
    return Answer(output=head, rows=object_rows(page, spelling, call.principal))
