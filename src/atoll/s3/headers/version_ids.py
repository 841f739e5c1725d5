"""When an answer names a version, and how.

Owns      the rule: a version other than the null version is always named; the null version is named
          where the request named it, or where the bucket keeps or kept versions.
Invariant a bucket that never had versioning shows no version ids, as in S3.
Source    AWS "How S3 Versioning works"; SDKs document the id of a write as set only while
          versioning is enabled.
"""

from __future__ import annotations

from typing import Final

from atoll.base.names import BucketName, VersionId
from atoll.objects.contract import BucketStore
from atoll.objects.values import Versioning

NULL_VERSION: Final = "null"


async def shown_version_id(
    store: BucketStore, bucket: BucketName, found: VersionId, asked: VersionId | None
) -> str | None:
    """Return the version id that the answer to a read shows, or None."""
    if found != NULL_VERSION or asked is not None:
        return found
    facts = await store.head_bucket(bucket)
    return None if facts.versioning is Versioning.UNSET else NULL_VERSION


def written_version_id(version_id: VersionId) -> str | None:
    """Return the version id that the answer to a write shows, or None."""
    return None if version_id == NULL_VERSION else version_id
