"""Reads of sub-resources that no bucket here can have: answered as S3 does where none was set.

Owns      one table: action → what S3 answers for a bucket that never configured it.
Does not  accept any of these configurations; their writes are NotImplemented by the route table.
Invariant the bucket must exist, and nothing is shown that is not true: buckets are private,
          unencrypted, without lock, and paid by their owner.
Source    AWS API reference of each action. GetBucketEncryption answers the code from before S3
          encrypted every object by default, because objects here are not encrypted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from atoll.s3.call import Action, Answer, Call, Document
from atoll.s3.errors import S3Error

#: The output of actions that answer something.
_DEFAULTS: Final[Mapping[str, Document]] = {
    "GetBucketAbac": {"AbacStatus": {"Status": "Disabled"}},
    "GetBucketAccelerateConfiguration": {},
    "GetBucketLogging": {},
    "GetBucketNotificationConfiguration": {},
    "GetBucketRequestPayment": {"Payer": "BucketOwner"},
    "ListBucketAnalyticsConfigurations": {"IsTruncated": False},
    "ListBucketIntelligentTieringConfigurations": {"IsTruncated": False},
    "ListBucketInventoryConfigurations": {"IsTruncated": False},
    "ListBucketMetricsConfigurations": {"IsTruncated": False},
}

#: The code of actions that answer an error.
_ABSENT: Final[Mapping[str, str]] = {
    "GetBucketAnalyticsConfiguration": "NoSuchConfiguration",
    "GetBucketCors": "NoSuchCORSConfiguration",
    "GetBucketEncryption": "ServerSideEncryptionConfigurationNotFoundError",
    "GetBucketIntelligentTieringConfiguration": "NoSuchConfiguration",
    "GetBucketInventoryConfiguration": "NoSuchConfiguration",
    "GetBucketLifecycleConfiguration": "NoSuchLifecycleConfiguration",
    "GetBucketMetricsConfiguration": "NoSuchConfiguration",
    "GetBucketOwnershipControls": "OwnershipControlsNotFoundError",
    "GetBucketPolicy": "NoSuchBucketPolicy",
    "GetBucketPolicyStatus": "NoSuchBucketPolicy",
    "GetBucketReplication": "ReplicationConfigurationNotFoundError",
    "GetBucketWebsite": "NoSuchWebsiteConfiguration",
    "GetObjectLockConfiguration": "ObjectLockConfigurationNotFoundError",
    "GetPublicAccessBlock": "NoSuchPublicAccessBlockConfiguration",
}


async def answer_default(call: Call) -> Answer:
    """Answer what an existing bucket shows without configuration."""
    assert call.bucket is not None
    await call.service.store.head_bucket(call.bucket)
    return Answer(output=_DEFAULTS[call.action])


async def answer_absent(call: Call) -> Answer:
    """Answer that an existing bucket has no such configuration."""
    assert call.bucket is not None
    await call.service.store.head_bucket(call.bucket)
    raise S3Error(_ABSENT[call.action], bucket=call.bucket)


async def answer_without_lock(call: Call) -> Answer:
    """Answer that an existing bucket has no object lock, so that no object can show one."""
    assert call.bucket is not None
    await call.service.store.head_bucket(call.bucket)
    raise S3Error("InvalidRequest", "Bucket is missing Object Lock Configuration")


#: Actions by name.
ACTIONS: Final[Mapping[str, Action]] = {
    **dict.fromkeys(_DEFAULTS, answer_default),
    **dict.fromkeys(_ABSENT, answer_absent),
    "GetObjectLegalHold": answer_without_lock,
    "GetObjectRetention": answer_without_lock,
}
