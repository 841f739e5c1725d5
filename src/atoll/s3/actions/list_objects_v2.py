"""ListObjectsV2: current objects, continued by an opaque token.

Source    AWS ListObjectsV2. A token wins over `start-after`; `KeyCount` counts keys and common
          prefixes; owners appear only when asked for.
Invariant a token is the place of the last row, so pages stay right while other keys come and go.
"""

from __future__ import annotations

from atoll.objects.contract import ListRequest
from atoll.objects.values import ObjectPage
from atoll.s3.call import Answer, Call, Field
from atoll.s3.errors import S3Error
from atoll.s3.listings.paging import decode_token, encode_token, page_limit, text_of
from atoll.s3.listings.rows import Spelling, object_rows


async def list_objects_v2(call: Call) -> Answer:
    """List a page of objects."""
    assert call.bucket is not None
    values = call.input
    limit = page_limit(values, "MaxKeys", "max-keys")
    spelling = Spelling(values)
    prefix, delimiter = text_of(values, "Prefix"), text_of(values, "Delimiter")
    start_after = text_of(values, "StartAfter")
    token = _token(call)
    page = ObjectPage([], [], None)
    if limit:
        page = await call.service.store.list_objects(
            ListRequest(
                bucket=call.bucket,
                prefix=prefix.encode(),
                delimiter=delimiter.encode(),
                after=start_after.encode() if token is None else decode_token(token),
                limit=limit,
            )
        )
    else:
        await call.service.store.head_bucket(call.bucket)
    head: dict[str, Field] = {
        "Name": call.bucket,
        "Prefix": spelling.text(prefix),
        "Delimiter": spelling.text(delimiter) if delimiter else None,
        "MaxKeys": limit,
        "EncodingType": spelling.encoding,
        "KeyCount": len(page.keys) + len(page.prefixes),
        "IsTruncated": page.next_after is not None,
        "ContinuationToken": token,
        "StartAfter": spelling.text(start_after) if start_after else None,
    }
    if page.next_after is not None:
        head["NextContinuationToken"] = encode_token(page.next_after)
    owner = call.principal if values.get("FetchOwner") else None
    return Answer(output=head, rows=object_rows(page, spelling, owner))


def _token(call: Call) -> str | None:
    """Return the continuation token of a request; an empty one is an error."""
    token = call.input.get("ContinuationToken")
    if token == "":
        raise S3Error(
            "InvalidArgument",
            "The continuation token provided is incorrect",
            argument="continuation-token",
            found="",
        )
    assert token is None or isinstance(token, str)
    return token
