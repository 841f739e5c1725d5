"""AbortMultipartUpload: drop an upload and its parts.

Source    AWS AbortMultipartUpload.
"""

from __future__ import annotations

from atoll.s3.call import Answer, Call
from atoll.s3.protocol.members import upload_id


async def abort_multipart_upload(call: Call) -> Answer:
    """Drop the upload."""
    assert call.bucket is not None
    assert call.key is not None
    await call.service.store.abort_upload(call.bucket, call.key, upload_id(call.input))
    return Answer(status=204)
