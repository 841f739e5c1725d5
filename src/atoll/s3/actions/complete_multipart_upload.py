"""CompleteMultipartUpload: make an object from parts.

Owns      the part list's form: at least one part, numbers ascending, each with its ETag.
Invariant the list is judged as a whole before the store is asked; sizes, ETags and checksums of
          parts the store compares, within the one step that makes the object visible.
Source    AWS CompleteMultipartUpload.
"""

from __future__ import annotations

from atoll.base.errors import (
    DigestMismatch,
    InvalidPartOrder,
    Malformed,
    UploadNotFound,
)
from atoll.base.limits import PART_NUMBER_MAX
from atoll.objects.contract import CompleteRequest
from atoll.objects.values import Checksum, NamedPart
from atoll.s3.call import Answer, Call, Document
from atoll.s3.errors import S3Error
from atoll.s3.headers.checksums import (
    kind_of,
    parse_checksums,
    parse_type,
    typed_members,
)
from atoll.s3.headers.conditions import parse_etags, write_conditions
from atoll.s3.headers.version_ids import written_version_id
from atoll.s3.protocol.binding import list_member
from atoll.s3.protocol.members import check_part_number, integer, structure, text, upload_id
from atoll.s3.xml.render import legible


async def complete_multipart_upload(call: Call) -> Answer:
    """Make the object."""
    request = _parse_request(call)
    await _check_type(call, request)
    version = await call.service.store.complete_upload(request)
    return Answer(
        output={
            "Location": _location(call),
            "Bucket": request.bucket,
            "Key": legible(request.key.decode()),
            "ETag": f'"{version.etag}"',
            **typed_members(version.checksum, version.parts_count),
            "VersionId": written_version_id(version.version_id),
        }
    )


def _parse_request(call: Call) -> CompleteRequest:
    assert call.bucket is not None
    assert call.key is not None
    document = call.input
    size_bytes = integer(document, "MpuObjectSize")
    if size_bytes is not None and size_bytes < 0:
        raise S3Error("InvalidRequest", "Value for x-amz-mp-object-size header is invalid.")
    return CompleteRequest(
        bucket=call.bucket,
        key=call.key,
        upload_id=upload_id(document),
        parts=_parse_parts(structure(document, "MultipartUpload")),
        conditions=write_conditions(document),
        checksum=_parse_checksum(document),
        size_bytes=size_bytes,
    )


def _parse_parts(document: Document) -> list[NamedPart]:
    rows = list_member(document, "Parts")
    if not 1 <= len(rows) <= PART_NUMBER_MAX:
        raise Malformed(found=len(rows), parts_max=PART_NUMBER_MAX)
    parts: list[NamedPart] = []
    last = 0
    for row in rows:
        etag, number = text(row, "ETag"), integer(row, "PartNumber")
        if etag is None or number is None:
            raise Malformed(missing="ETag" if etag is None else "PartNumber")
        check_part_number(number)
        if number <= last:
            raise InvalidPartOrder(number=number)
        last = number
        tags = parse_etags(etag)
        parts.append(
            NamedPart(number=number, etag=tags[0] if tags else "", checksums=parse_checksums(row))
        )
    return parts


def _parse_checksum(document: Document) -> Checksum | None:
    """Return the digest promised for the whole object."""
    promised = parse_checksums(document)
    if not promised:
        return None
    if len(promised) > 1:
        raise S3Error(
            "InvalidRequest",
            "Expecting a single x-amz-checksum- header. Multiple checksum types are not allowed.",
        )
    ((algorithm, value),) = promised.items()
    kind = text(document, "ChecksumType")
    is_composite = algorithm != "CRC64NVME" if kind is None else parse_type(kind)
    return Checksum(algorithm, value, is_composite)


async def _check_type(call: Call, request: CompleteRequest) -> None:
    """Compare the checksum type a client expects with the one the upload began with.

    Raises
        DigestMismatch: they differ.
    """
    expected = text(call.input, "ChecksumType")
    if expected is None:
        return
    is_composite = parse_type(expected)
    try:
        page = await call.service.store.list_parts(
            request.bucket, request.key, request.upload_id, after=0, limit=1
        )
    except UploadNotFound:
        # Completed before, perhaps: the completion itself knows, and answers a repetition alike.
        return
    upload = page.upload
    if upload.checksum_algorithm and upload.checksum_composite != is_composite:
        raise DigestMismatch(
            algorithm=upload.checksum_algorithm,
            expected=kind_of(is_composite),
            found=kind_of(upload.checksum_composite),
        )


def _location(call: Call) -> str:
    """Return the URL of the object, in the style in which the client addresses it."""
    scheme = "https" if call.request.is_tls else "http"
    host = call.request.headers.get("host", "")
    return f"{scheme}://{host}{call.request.path.decode('latin-1')}"
