"""GetBucketLocation: the region of a bucket, in S3's oldest document form.

Source    AWS GetBucketLocation: the root element itself holds the region, empty for us-east-1.
Does not  use the shape's renderer, because the model describes a member below the root that S3
          never sends.
"""

from __future__ import annotations

from typing import Final

from atoll.s3.call import Answer, Call
from atoll.s3.xml.render import PROLOGUE, escape
from atoll.s3.xml.shapes import S3_NAMESPACE

_CLASSIC: Final = "us-east-1"


async def get_bucket_location(call: Call) -> Answer:
    """Answer with the bucket's region."""
    assert call.bucket is not None
    bucket = await call.service.store.head_bucket(call.bucket)
    region = "" if bucket.region == _CLASSIC else escape(bucket.region)
    root = f'<LocationConstraint xmlns="{S3_NAMESPACE}">{region}</LocationConstraint>'
    return Answer(
        content=(PROLOGUE + root).encode(), headers=(("content-type", "application/xml"),)
    )
