"""CreateMultipartUpload: begin an upload in parts.

Source    AWS CreateMultipartUpload; "Checking object integrity" for algorithms and types.
"""

from __future__ import annotations

from atoll.objects.contract import PutRequest
from atoll.s3.call import Answer, Call, Field
from atoll.s3.headers.checksums import kind_of, parse_upload_checksum
from atoll.s3.headers.object_headers import parse_attributes
from atoll.s3.xml.render import legible


async def create_multipart_upload(call: Call) -> Answer:
    """Begin an upload."""
    assert call.bucket is not None
    assert call.key is not None
    algorithm, is_composite = parse_upload_checksum(call.input)
    request = PutRequest(bucket=call.bucket, key=call.key, attributes=parse_attributes(call.input))
    upload = await call.service.store.create_upload(
        request, checksum_algorithm=algorithm, composite=is_composite
    )
    output: dict[str, Field] = {
        "Bucket": call.bucket,
        "Key": legible(call.key.decode()),
        "UploadId": upload.upload_id,
    }
    if algorithm:
        output["ChecksumAlgorithm"] = algorithm
        output["ChecksumType"] = kind_of(is_composite)
    return Answer(output=output)
