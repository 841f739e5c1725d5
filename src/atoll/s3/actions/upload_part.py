"""UploadPart: store one part of an upload.

Source    AWS UploadPart.
"""

from __future__ import annotations

from atoll.base.errors import TooLarge
from atoll.base.limits import PART_BYTES_MAX
from atoll.s3.call import Answer, Call
from atoll.s3.errors import S3Error
from atoll.s3.headers.checksums import part_header
from atoll.s3.protocol.members import part_number, upload_id


async def upload_part(call: Call) -> Answer:
    """Store the part."""
    assert call.bucket is not None
    assert call.key is not None
    assert call.body is not None
    number = part_number(call.input)
    size_bytes = call.body.size_bytes
    if size_bytes is None:
        raise S3Error("MissingContentLength")
    if size_bytes > PART_BYTES_MAX:
        raise TooLarge(size_bytes=size_bytes, size_bytes_max=PART_BYTES_MAX)
    part = await call.service.store.put_part(
        call.bucket, call.key, upload_id(call.input), number, call.body
    )
    headers = [("etag", f'"{part.etag}"')]
    if part.checksum is not None:
        headers.append(part_header(part.checksum))
    return Answer(headers=tuple(headers))
