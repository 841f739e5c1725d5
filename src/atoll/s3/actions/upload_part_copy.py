"""UploadPartCopy: store one part from an object, or from a range of one.

Invariant the source is read only after its own authorisation; the version whose id is answered is
          the version that was copied.
Source    AWS UploadPartCopy.
"""

from __future__ import annotations

import msgspec

from atoll.objects.values import CopySource, ObjectVersion
from atoll.s3.call import Answer, Call, Field
from atoll.s3.headers.checksums import checksum_members
from atoll.s3.headers.copy_source import authorised_source, check_copy_size, pin_source
from atoll.s3.headers.ranges import check_copy_range, parse_copy_range
from atoll.s3.headers.version_ids import shown_version_id
from atoll.s3.protocol.members import part_number, text, upload_id
from atoll.s3.xml.times import datetime_from_ns


async def upload_part_copy(call: Call) -> Answer:
    """Store the part from its source."""
    assert call.bucket is not None
    assert call.key is not None
    number = part_number(call.input)
    source = await authorised_source(call)
    source = _with_range(source, text(call.input, "CopySourceRange"))
    pinned, found = await pin_source(call, source)
    _check_size(pinned, found)
    store = call.service.store
    part = await store.copy_part(call.bucket, call.key, upload_id(call.input), number, pinned)
    shown = await shown_version_id(store, source.bucket, found.version_id, source.version_id)
    result: dict[str, Field] = {
        "ETag": f'"{part.etag}"',
        "LastModified": datetime_from_ns(part.modified_ns),
        **checksum_members(part.checksum),
    }
    return Answer(output={"CopyPartResult": result, "CopySourceVersionId": shown})


def _with_range(source: CopySource, value: str | None) -> CopySource:
    if value is None:
        return source
    return msgspec.structs.replace(source, byte_range=parse_copy_range(value))


def _check_size(source: CopySource, found: ObjectVersion) -> None:
    spec = source.byte_range
    if spec is None:
        check_copy_size(found.size_bytes)
        return
    check_copy_range(spec, found.size_bytes)
    assert spec.first is not None
    assert spec.last is not None
    check_copy_size(spec.last - spec.first + 1)
