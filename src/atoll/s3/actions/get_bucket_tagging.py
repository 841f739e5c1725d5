"""GetBucketTagging: the tags of a bucket.

Source    AWS GetBucketTagging: a bucket without tags answers NoSuchTagSet.
"""

from __future__ import annotations

from atoll.base.errors import TagsNotFound
from atoll.s3.call import Answer, Call
from atoll.s3.headers.tagging import render_tag_set


async def get_bucket_tagging(call: Call) -> Answer:
    """Answer with the bucket's tags."""
    assert call.bucket is not None
    bucket = await call.service.store.head_bucket(call.bucket)
    if not bucket.tags:
        raise TagsNotFound(bucket=call.bucket)
    return Answer(output={"TagSet": render_tag_set(bucket.tags)})
