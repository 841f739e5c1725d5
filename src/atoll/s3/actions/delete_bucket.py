"""DeleteBucket: remove an empty bucket.

Source    AWS DeleteBucket. Open uploads do not keep a bucket; the object layer aborts them.
Invariant a bucket with any version or delete marker stays.
"""

from __future__ import annotations

from atoll.s3.call import Answer, Call


async def delete_bucket(call: Call) -> Answer:
    """Remove a bucket."""
    assert call.bucket is not None
    await call.service.store.delete_bucket(call.bucket)
    return Answer()
