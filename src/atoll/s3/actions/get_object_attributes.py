"""GetObjectAttributes: chosen facts of an object, and its parts, without its content.

Invariant only what was asked for is answered. Parts are listed only where their checksums make
          up the object's, as in S3; their number is told of every multipart object.
Source    AWS GetObjectAttributes, GetObjectAttributesParts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from atoll.base.errors import InvalidArgument
from atoll.objects.contract import OpenObject
from atoll.s3.call import Answer, Call, Document, Field
from atoll.s3.errors import S3Error
from atoll.s3.headers.checksums import checksum_members, typed_members
from atoll.s3.headers.version_ids import shown_version_id
from atoll.s3.listings.paging import page_limit
from atoll.s3.protocol.members import bounded, version_id
from atoll.s3.xml.times import datetime_from_ns

_KNOWN: Final = frozenset({"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"})


async def get_object_attributes(call: Call) -> Answer:
    """Return the facts asked for."""
    assert call.bucket is not None
    assert call.key is not None
    names = _parse_names(call.input)
    limit = page_limit(call.input, "MaxParts", "max-parts")
    after = bounded(call.input, "PartNumberMarker", "part-number-marker") or 0
    store = call.service.store
    wanted = version_id(call.input)
    opened = await store.open(call.bucket, call.key, wanted)
    try:
        output = _facts(opened, names)
        if "ObjectParts" in names and opened.version.parts_count:
            output["ObjectParts"] = await _parts(opened, after, limit)
    finally:
        await opened.close()
    output["VersionId"] = await shown_version_id(
        store, call.bucket, opened.version.version_id, wanted
    )
    return Answer(output=output)


def _parse_names(document: Document) -> set[str]:
    asked = document.get("ObjectAttributes") or ()
    assert isinstance(asked, Sequence)
    names = {str(name) for name in asked}
    if not names:
        raise S3Error(
            "InvalidRequest",
            "The x-amz-object-attributes header specifying the attributes to be retrieved is either"
            " missing or empty",
        )
    for name in sorted(names - _KNOWN):
        raise InvalidArgument(
            "Invalid attribute name specified.", argument="x-amz-object-attributes", found=name
        )
    return names


def _facts(opened: OpenObject, names: set[str]) -> dict[str, Field]:
    version = opened.version
    output: dict[str, Field] = {"LastModified": datetime_from_ns(version.modified_ns)}
    if "ETag" in names:
        # Without quotes, unlike everywhere else.
        output["ETag"] = version.etag
    if "Checksum" in names and version.checksum is not None:
        # Without the number of parts, unlike everywhere else.
        output["Checksum"] = typed_members(version.checksum)
    if "StorageClass" in names:
        output["StorageClass"] = "STANDARD"
    if "ObjectSize" in names:
        output["ObjectSize"] = version.size_bytes
    return output


async def _parts(opened: OpenObject, after: int, limit: int) -> Document:
    output: dict[str, Field] = {"TotalPartsCount": opened.version.parts_count}
    checksum = opened.version.checksum
    if checksum is None or not checksum.composite:
        return output
    parts, is_truncated = await opened.parts(after, limit) if limit else ([], False)
    rows: list[Field] = [
        {
            "PartNumber": part.number,
            "Size": part.size_bytes,
            **checksum_members(part.checksum),
        }
        for part in parts
    ]
    return {
        **output,
        "PartNumberMarker": after,
        "NextPartNumberMarker": parts[-1].number if parts else 0,
        "MaxParts": limit,
        "IsTruncated": is_truncated,
        "Parts": rows,
    }
