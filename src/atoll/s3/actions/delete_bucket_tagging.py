"""DeleteBucketTagging: remove all tags of a bucket.

Source    AWS DeleteBucketTagging: removing none is success.
"""

from __future__ import annotations

from atoll.objects.contract import BucketChange
from atoll.s3.call import Answer, Call


async def delete_bucket_tagging(call: Call) -> Answer:
    """Remove the bucket's tags."""
    assert call.bucket is not None
    await call.service.store.update_bucket(call.bucket, BucketChange(tags={}))
    return Answer()
