"""HeadObject: what GetObject would answer, without the content.

Source    AWS HeadObject.
"""

from __future__ import annotations

from atoll.s3.call import Answer, Call
from atoll.s3.headers.object_read import describe, parse_wish


async def head_object(call: Call) -> Answer:
    """Describe the object."""
    wish = parse_wish(call)
    assert call.bucket is not None
    assert call.key is not None
    opened = await call.service.store.open(call.bucket, call.key, wish.version_id, wish.conditions)
    try:
        reading = await describe(call, wish, opened)
    finally:
        await opened.close()
    return Answer(status=reading.status, headers=reading.headers, length_bytes=reading.length_bytes)
