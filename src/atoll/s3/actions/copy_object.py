"""CopyObject: copy a version into a key, within the cluster.

Invariant the source is read only after its own authorisation; the version whose id is answered is
          the version that was copied.
Source    AWS CopyObject.
"""

from __future__ import annotations

import msgspec

from atoll.base.errors import InvalidArgument
from atoll.objects.contract import CopyRequest
from atoll.objects.values import Attributes, CopySource, ObjectVersion
from atoll.s3.call import Answer, Call, Document
from atoll.s3.errors import S3Error
from atoll.s3.headers.checksums import parse_algorithm, typed_members
from atoll.s3.headers.conditions import write_conditions
from atoll.s3.headers.copy_source import authorised_source, check_copy_size, pin_source
from atoll.s3.headers.object_headers import parse_attributes, parse_redirect
from atoll.s3.headers.tagging import parse_tagging_header
from atoll.s3.headers.version_ids import shown_version_id, written_version_id
from atoll.s3.protocol.members import text
from atoll.s3.xml.times import datetime_from_ns


async def copy_object(call: Call) -> Answer:
    """Copy the version."""
    source = await authorised_source(call)
    request = _plan_copy(call, source)
    pinned, found = await pin_source(call, source)
    check_copy_size(found.size_bytes)
    request = msgspec.structs.replace(request, source=pinned)
    store = call.service.store
    version = await store.copy(request)
    shown = await shown_version_id(store, source.bucket, found.version_id, source.version_id)
    return Answer(
        output={
            "CopyObjectResult": _result(version),
            "CopySourceVersionId": shown,
            "VersionId": written_version_id(version.version_id),
        }
    )


def _plan_copy(call: Call, source: CopySource) -> CopyRequest:
    """Return what is asked for, checked as far as that needs no look at the source."""
    assert call.bucket is not None
    assert call.key is not None
    document = call.input
    algorithm = text(document, "ChecksumAlgorithm")
    replaces = _is_replaced(document, "MetadataDirective", "metadata")
    is_same = source.version_id is None and (source.bucket, source.key) == (call.bucket, call.key)
    redirect = parse_redirect(document)
    # Naming a storage class counts as a change, even where it is the one the object has: writing an
    # object anew with `--storage-class STANDARD` is how AWS tells its users to do that.
    storage_class = text(document, "StorageClass")
    is_unchanged = algorithm is None and redirect is None and storage_class is None
    if is_same and not replaces and is_unchanged:
        raise S3Error(
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself without"
            " changing the object's metadata, storage class, website redirect location or"
            " encryption attributes.",
        )
    retags = _is_replaced(document, "TaggingDirective", "tagging")
    return CopyRequest(
        bucket=call.bucket,
        key=call.key,
        source=source,
        attributes=_replacement(document) if replaces else None,
        redirect=redirect,
        tags=parse_tagging_header(text(document, "Tagging")) if retags else None,
        conditions=write_conditions(document),
        checksum_algorithm="" if algorithm is None else parse_algorithm(algorithm),
    )


def _is_replaced(document: Document, member: str, noun: str) -> bool:
    value = text(document, member)
    if value not in (None, "COPY", "REPLACE"):
        raise InvalidArgument(
            f"Unknown {noun} directive.", argument=f"x-amz-{noun}-directive", found=value
        )
    return value == "REPLACE"


def _replacement(document: Document) -> Attributes:
    """Return headers and metadata of the request; its tags follow another directive."""
    return parse_attributes({name: document[name] for name in document if name != "Tagging"})


def _result(version: ObjectVersion) -> Document:
    return {
        "ETag": f'"{version.etag}"',
        "LastModified": datetime_from_ns(version.modified_ns),
        **typed_members(version.checksum, version.parts_count),
    }
