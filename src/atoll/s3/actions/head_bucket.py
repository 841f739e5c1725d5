"""HeadBucket: whether a bucket exists, and in which region.

Source    AWS HeadBucket.
Invariant the answer has no body, whatever the outcome.
"""

from __future__ import annotations

from atoll.s3.call import Answer, Call


async def head_bucket(call: Call) -> Answer:
    """Answer for an existing bucket."""
    assert call.bucket is not None
    bucket = await call.service.store.head_bucket(call.bucket)
    return Answer(output={"BucketRegion": bucket.region, "AccessPointAlias": False})
