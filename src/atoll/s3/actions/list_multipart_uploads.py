"""ListMultipartUploads: uploads in progress, by key and upload id.

Invariant with `encoding-type=url` every name of a key in the answer is percent-encoded, markers and
          prefixes too. An upload-id marker counts only beside a key marker.
Source    AWS ListMultipartUploads.
"""

from __future__ import annotations

from collections.abc import Callable

from atoll.objects.contract import ListRequest
from atoll.objects.values import Upload, UploadPage
from atoll.s3.call import Answer, Call, Document, Field
from atoll.s3.headers.checksums import kind_of
from atoll.s3.listings.owners import owner_of
from atoll.s3.listings.paging import encode_url, is_url_encoded, page_limit, same, text_of
from atoll.s3.xml.times import datetime_from_ns


async def list_multipart_uploads(call: Call) -> Answer:
    """Return a page of uploads."""
    assert call.bucket is not None
    values = call.input
    encode = encode_url if is_url_encoded(values) else same
    limit = page_limit(values, "MaxUploads", "max-uploads")
    marker = text_of(values, "KeyMarker")
    id_marker = text_of(values, "UploadIdMarker") if marker else ""
    page = UploadPage([], [], None, None)
    if limit:
        request = ListRequest(
            bucket=call.bucket,
            prefix=text_of(values, "Prefix").encode(),
            delimiter=text_of(values, "Delimiter").encode(),
            after=marker.encode(),
            after_id=id_marker,
            limit=limit,
        )
        page = await call.service.store.list_uploads(request)
    else:
        await call.service.store.head_bucket(call.bucket)
    output: dict[str, Field] = {
        "Bucket": call.bucket,
        "KeyMarker": encode(marker),
        "UploadIdMarker": id_marker,
        "Prefix": encode(text_of(values, "Prefix")),
        "MaxUploads": limit,
        "IsTruncated": page.next_key is not None,
        "Uploads": [_row(call, upload, encode) for upload in page.uploads],
        "CommonPrefixes": [{"Prefix": encode(prefix.decode())} for prefix in page.prefixes],
    }
    if page.next_key is not None:
        output["NextKeyMarker"] = encode(page.next_key.decode())
        output["NextUploadIdMarker"] = page.next_upload_id or ""
    if "Delimiter" in values:
        output["Delimiter"] = encode(text_of(values, "Delimiter"))
    if "EncodingType" in values:
        output["EncodingType"] = "url"
    return Answer(output=output)


def _row(call: Call, upload: Upload, encode: Callable[[str], str]) -> Document:
    row: dict[str, Field] = {
        "UploadId": upload.upload_id,
        "Key": encode(upload.key.decode()),
        "Initiated": datetime_from_ns(upload.initiated_ns),
        "StorageClass": "STANDARD",
        "Owner": owner_of(call.principal),
        "Initiator": owner_of(call.principal),
    }
    if upload.checksum_algorithm:
        row["ChecksumAlgorithm"] = upload.checksum_algorithm
        row["ChecksumType"] = kind_of(upload.checksum_composite)
    return row
