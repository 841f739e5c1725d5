"""PutObject: store one object.

Invariant nothing is visible before the store has compared every digest that the body promises.
          Content that came without a checksum is answered with the CRC64NVME that the store added.
Source    AWS PutObject.
"""

from __future__ import annotations

from atoll.base.errors import TooLarge
from atoll.base.limits import PUT_BYTES_MAX
from atoll.objects.contract import PutRequest
from atoll.s3.call import Answer, Call
from atoll.s3.errors import S3Error
from atoll.s3.headers.conditions import write_conditions
from atoll.s3.headers.object_headers import parse_attributes, written_headers


async def put_object(call: Call) -> Answer:
    """Store the object."""
    assert call.bucket is not None
    assert call.key is not None
    assert call.body is not None
    size_bytes = call.body.size_bytes
    if size_bytes is None:
        raise S3Error("MissingContentLength")
    if size_bytes > PUT_BYTES_MAX:
        raise TooLarge(size_bytes=size_bytes, size_bytes_max=PUT_BYTES_MAX)
    request = PutRequest(
        bucket=call.bucket,
        key=call.key,
        attributes=parse_attributes(call.input),
        conditions=write_conditions(call.input),
    )
    version = await call.service.store.put(request, call.body)
    return Answer(headers=written_headers(version))
