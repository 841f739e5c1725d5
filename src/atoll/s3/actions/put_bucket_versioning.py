"""PutBucketVersioning: enable or suspend versioning; it can never be unset again.

Source    AWS PutBucketVersioning. MFA delete is refused: it would not protect anything.
Invariant when this answers, every later write follows the new setting.
"""

from __future__ import annotations

from typing import Final

from atoll.base.errors import Malformed
from atoll.objects.contract import BucketChange
from atoll.objects.values import Versioning
from atoll.s3.call import Answer, Call
from atoll.s3.errors import S3Error
from atoll.s3.protocol.members import structure

_MODES: Final = {"Enabled": Versioning.ENABLED, "Suspended": Versioning.SUSPENDED}


async def put_bucket_versioning(call: Call) -> Answer:
    """Change the bucket's versioning."""
    assert call.bucket is not None
    document = structure(call.input, "VersioningConfiguration")
    if document.get("MFADelete", "Disabled") != "Disabled":
        raise S3Error("NotImplemented", "MFA delete is not supported.")
    status = document.get("Status")
    if status is None:
        raise S3Error("IllegalVersioningConfigurationException")
    mode = _MODES.get(str(status))
    if mode is None:
        raise Malformed(element="Status", found=status)
    await call.service.store.update_bucket(call.bucket, BucketChange(versioning=mode))
    return Answer()
