"""The x-amz-copy-source header: which version a copy reads.

Owns      its syntax: leading slash or not, decoded once as a whole (a plus is a space, as in forms
          and in S3), `?versionId=` behind it; and the checks on the source that a copy needs
          before it begins.
Does not  copy or evaluate conditions (the object layer).
Invariant bucket and key pass the same constructors as those of a request line, so `..` or a second
          bucket in the header has no meaning beyond the key's own bytes; reading the source is
          authorised as a read of its own, of the version where one is named.
Source    AWS CopyObject, UploadPartCopy.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec

from atoll.base.errors import (
    AccessDenied,
    InvalidArgument,
    MethodNotAllowed,
    NotModified,
    NotSupported,
    ObjectNotFound,
    PreconditionFailed,
)
from atoll.base.limits import PUT_BYTES_MAX
from atoll.base.names import parse_bucket_name, parse_object_key
from atoll.objects.values import CopySource, ObjectVersion
from atoll.s3.call import Call
from atoll.s3.errors import S3Error
from atoll.s3.headers.conditions import source_conditions
from atoll.s3.headers.version_ids import NULL_VERSION
from atoll.s3.protocol.members import check_version_id, text

_ARGUMENT: Final = "x-amz-copy-source"
_VERSION: Final = "?versionId="
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


def parse_copy_source(value: str) -> CopySource:
    """Return what a header names; `value` is the header as latin-1 text.

    Raises
        InvalidArgument: it names no bucket and key.
        InvalidName, InvalidKey, KeyTooLong: they are not valid.
        NotSupported: it names an access point.
    """
    path, mark, version = value.rpartition(_VERSION)
    if not mark:
        path, version = value, ""
    if _BAD_ESCAPE.search(path):
        raise _invalid("Copy Source must be URL-encoded", value)
    decoded = unquote_to_bytes(_encode(path.replace("+", " ")))
    if decoded.startswith(b"arn:"):
        raise NotSupported(feature="access points as copy source")
    bucket, slash, key = decoded.removeprefix(b"/").partition(b"/")
    if not bucket or not slash or not key:
        raise _invalid(
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey", value
        )
    return CopySource(
        bucket=parse_bucket_name(bucket.decode("latin-1")),
        key=parse_object_key(key),
        version_id=check_version_id(version) if mark else None,
    )


def _encode(path: str) -> bytes:
    """Return the bytes of header text: latin-1, but text from a presigned query may be any."""
    try:
        return path.encode("latin-1")
    except UnicodeEncodeError:
        return path.encode()


def _invalid(message: str, value: str) -> InvalidArgument:
    return InvalidArgument(message, argument=_ARGUMENT, found=value)


async def authorised_source(call: Call) -> CopySource:
    """Return the source of a copy with its conditions, once the caller may read it.

    Raises
        AccessDenied: the caller may not, or the source is not of the owner it expects.
    """
    source = parse_copy_source(text(call.input, "CopySource") or "")
    action = "GetObject" if source.version_id is None else "GetObjectVersion"
    call.service.authorise(call.principal, action, source.bucket, source.key)
    expected = text(call.input, "ExpectedSourceBucketOwner")
    if expected is not None:
        facts = await call.service.store.head_bucket(source.bucket)
        if facts.owner != expected:
            raise AccessDenied(bucket=source.bucket)
    conditions = source_conditions(call.input)
    return msgspec.structs.replace(source, conditions=conditions)


async def pin_source(call: Call, source: CopySource) -> tuple[CopySource, ObjectVersion]:
    """Return the source pinned to the version it has, and that version.

    The copy that follows reads the version whose id the answer names, or fails; only the null
    version can change in between, and its conditions are checked again by the copy.

    Raises
        ObjectNotFound: of the source's key; that a marker hides it is no fact of the target.
        PreconditionFailed: a condition on the source does not hold.
        S3Error: InvalidRequest, the version named is a delete marker.
    """
    store = call.service.store
    try:
        opened = await store.open(source.bucket, source.key, source.version_id, source.conditions)
    except ObjectNotFound as exc:
        raise ObjectNotFound(key=source.key) from exc
    except PreconditionFailed as exc:
        raise _unmet(str(exc.fields["condition"])) from exc
    except NotModified as exc:
        # A read would answer 304; S3 answers 412 for copies.
        by_tag = source.conditions.if_none_match is not None
        raise _unmet("If-None-Match" if by_tag else "If-Modified-Since") from exc
    except MethodNotAllowed as exc:
        raise S3Error(
            "InvalidRequest",
            "The source of a copy request may not specifically refer to a delete marker by version"
            " id.",
        ) from exc
    version = opened.version
    await opened.close()
    if version.version_id != NULL_VERSION:
        source = msgspec.structs.replace(source, version_id=version.version_id)
    return source, version


def _unmet(condition: str) -> PreconditionFailed:
    """Return the refusal that names a condition as the request does: as one on the source."""
    return PreconditionFailed(condition=f"x-amz-copy-source-{condition}")


def check_copy_size(size_bytes: int) -> None:
    """Check how many bytes one copy reads.

    Raises
        S3Error: InvalidRequest, more than 5 GiB.
    """
    if size_bytes > PUT_BYTES_MAX:
        raise S3Error(
            "InvalidRequest",
            "The specified copy source is larger than the maximum allowable size for a copy source:"
            f" {PUT_BYTES_MAX}",
        )
