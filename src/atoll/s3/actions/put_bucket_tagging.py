"""PutBucketTagging: replace the tags of a bucket.

Source    AWS PutBucketTagging; rules in s3.tagging.
Invariant the answer is 204, which the model does not state.
"""

from __future__ import annotations

from atoll.base.limits import TAGS_PER_BUCKET_MAX
from atoll.objects.contract import BucketChange
from atoll.s3.call import Answer, Call
from atoll.s3.headers.tagging import parse_tag_set, tag_rows
from atoll.s3.protocol.members import structure


async def put_bucket_tagging(call: Call) -> Answer:
    """Replace the bucket's tags."""
    assert call.bucket is not None
    rows = tag_rows(structure(call.input, "Tagging"))
    tags = parse_tag_set(rows, TAGS_PER_BUCKET_MAX)
    await call.service.store.update_bucket(call.bucket, BucketChange(tags=tags))
    return Answer(status=204)
