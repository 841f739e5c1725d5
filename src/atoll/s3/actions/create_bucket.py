"""CreateBucket: make a bucket in this cluster's one region.

Source    AWS CreateBucket. In us-east-1 the request names no region, and creating an own bucket
          again succeeds; elsewhere it names the region, and again is BucketAlreadyOwnedByYou.
Invariant the bucket exists before its tags are set; a crash between both leaves it without tags.
"""

from __future__ import annotations

import re
from typing import Final

from atoll.base.errors import BucketExists
from atoll.base.limits import TAGS_PER_BUCKET_MAX
from atoll.objects.contract import BucketChange
from atoll.s3.call import Answer, Call, Document
from atoll.s3.errors import S3Error
from atoll.s3.headers.tagging import parse_tag_set
from atoll.s3.protocol.binding import list_member
from atoll.s3.protocol.members import structure, text

_CLASSIC: Final = "us-east-1"
#: S3's old name of a region, still accepted.
_ALIASES: Final = {"EU": "eu-west-1"}
_REGION: Final = re.compile(r"[a-z]{2}(-[a-z]+)+-\d+")


async def create_bucket(call: Call) -> Answer:
    """Make a bucket."""
    assert call.bucket is not None
    service = call.service
    document = structure(call.input, "CreateBucketConfiguration")
    _check_place(document, service.region)
    tags = parse_tag_set(list_member(document, "Tags"), TAGS_PER_BUCKET_MAX)
    try:
        await service.store.create_bucket(
            call.bucket, owner=call.principal.account, region=service.region
        )
    except BucketExists as exc:
        if service.region != _CLASSIC or not exc.fields.get("owned"):
            raise
    if tags:
        await service.store.update_bucket(call.bucket, BucketChange(tags=tags))
    return Answer(output={"Location": f"/{call.bucket}"})


def _check_place(document: Document, region: str) -> None:
    """Check that the bucket is asked for where this cluster is."""
    if document.get("Location") is not None or document.get("Bucket") is not None:
        raise S3Error("NotImplemented", "Directory buckets are not supported.")
    asked = (text(document, "LocationConstraint") or "").strip()
    if not asked:
        if region != _CLASSIC:
            raise _illegal("unspecified")
        return
    if asked == region != _CLASSIC or _ALIASES.get(asked) == region:
        return
    if asked == _CLASSIC or not (_REGION.fullmatch(asked) or asked in _ALIASES):
        # The classic region is named by naming none.
        raise S3Error("InvalidLocationConstraint", location_constraint=asked)
    raise _illegal(asked)


def _illegal(asked: str) -> S3Error:
    return S3Error(
        "IllegalLocationConstraintException",
        f"The {asked} location constraint is incompatible for the region specific endpoint this"
        " request was sent to.",
    )
