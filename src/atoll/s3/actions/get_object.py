"""GetObject: send an object, a range of it, or one part.

Invariant content that travelled with the record is answered as bytes; other content is a stream,
          and the object stays open until the last byte was sent.
Source    AWS GetObject.
"""

from __future__ import annotations

from atoll.s3.call import Answer, Call
from atoll.s3.headers.object_read import describe, parse_wish


async def get_object(call: Call) -> Answer:
    """Send the object, or the bytes of it that were asked for."""
    wish = parse_wish(call)
    assert call.bucket is not None
    assert call.key is not None
    opened = await call.service.store.open(call.bucket, call.key, wish.version_id, wish.conditions)
    is_sending = False
    try:
        reading = await describe(call, wish, opened)
        wanted = reading.range
        if opened.inline is not None:
            content = opened.inline
            return Answer(
                status=reading.status,
                headers=reading.headers,
                content=content if wanted is None else content[wanted.first : wanted.last + 1],
                length_bytes=reading.length_bytes,
            )
        is_sending = True
        return Answer(
            status=reading.status,
            headers=reading.headers,
            content=opened.stream(wanted),
            length_bytes=reading.length_bytes,
            on_sent=opened.close,
        )
    finally:
        if not is_sending:
            await opened.close()
