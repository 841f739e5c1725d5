"""GetBucketVersioning: whether a bucket keeps old versions.

Source    AWS GetBucketVersioning: a bucket that never had versioning answers an empty document.
Invariant MFA delete does not exist here and is never shown.
"""

from __future__ import annotations

from typing import Final

from atoll.objects.values import Versioning
from atoll.s3.call import Answer, Call

_STATUS: Final = {
    Versioning.UNSET: None,
    Versioning.ENABLED: "Enabled",
    Versioning.SUSPENDED: "Suspended",
}


async def get_bucket_versioning(call: Call) -> Answer:
    """Answer with the bucket's versioning status."""
    assert call.bucket is not None
    bucket = await call.service.store.head_bucket(call.bucket)
    return Answer(output={"Status": _STATUS[bucket.versioning]})
