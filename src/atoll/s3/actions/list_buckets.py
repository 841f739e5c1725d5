"""ListBuckets: the buckets of the cluster, in name order.

Source    AWS ListBuckets: without parameters one answer holds all; `max-buckets` makes pages.
Invariant all buckets lie in one region, so another region in the filter gives an empty list.
"""

from __future__ import annotations

from atoll.base.limits import BUCKETS_MAX
from atoll.objects.values import BucketPage
from atoll.s3.call import Answer, Call, Field
from atoll.s3.errors import S3Error
from atoll.s3.listings.paging import decode_token, encode_token, text_of
from atoll.s3.xml.times import datetime_from_ns


async def list_buckets(call: Call) -> Answer:
    """List buckets."""
    values = call.input
    limit = values.get("MaxBuckets", BUCKETS_MAX)
    assert isinstance(limit, int)
    if not 1 <= limit <= BUCKETS_MAX:
        raise S3Error(
            "InvalidArgument",
            f"Argument max-buckets must be an integer between 1 and {BUCKETS_MAX}",
            argument="max-buckets",
            found=str(limit),
        )
    prefix, token = text_of(values, "Prefix"), text_of(values, "ContinuationToken")
    after = decode_token(token).decode("utf-8", "replace") if token else ""
    region = text_of(values, "BucketRegion")
    page = BucketPage([], None)
    if region in ("", call.service.region):
        page = await call.service.store.list_buckets(prefix=prefix, after=after, limit=limit)
    rows: list[Field] = [
        {
            "Name": bucket.name,
            "CreationDate": datetime_from_ns(bucket.created_ns),
            # S3 names the region only where a parameter was given.
            "BucketRegion": bucket.region if values else None,
        }
        for bucket in page.buckets
    ]
    principal = call.principal
    output: dict[str, Field] = {
        "Owner": {"DisplayName": principal.display_name, "ID": principal.account},
        "Buckets": rows,
    }
    if prefix:
        output["Prefix"] = prefix
    if page.next_after is not None:
        output["ContinuationToken"] = encode_token(page.next_after.encode())
    return Answer(output=output)
