"""How an error is written on the wire: its document, and the headers clients act on.

Owns      which facts of an error appear as which elements, and when there is no body at all.
Does not  choose code and status (errors).
Invariant faults of ours show no facts, since they would name drives and paths; a response to HEAD
          and 304 carry no document. A document is well-formed whatever the request named: clients
          that cannot read it lose the code.
Source    AWS S3 API reference, "REST error responses".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from atoll.base import errors as e
from atoll.s3.errors import Row, S3Error, classify
from atoll.s3.xml.render import PROLOGUE, escape, legible
from atoll.s3.xml.times import datetime_from_ns, render_http_date

#: Error fields that appear as elements, in this order.
_ELEMENTS: Final[Mapping[str, str]] = {
    "bucket": "BucketName",
    "key": "Key",
    "version_id": "VersionId",
    "upload_id": "UploadId",
    "argument": "ArgumentName",
    "condition": "Condition",
    "method": "Method",
    "resource_type": "ResourceType",
    "uri": "URI",
    "header": "Header",
    "missing_header": "MissingHeaderName",
    "storage_class": "StorageClassRequested",
    "access_key": "AWSAccessKeyId",
    "string_to_sign": "StringToSign",
    "signature": "SignatureProvided",
    "canonical_request": "CanonicalRequest",
    "server_time": "ServerTime",
    "request_time": "RequestTime",
    "skew_ms_max": "MaxAllowedSkewMilliseconds",
    "expires_s": "X-Amz-Expires",
    "expires": "Expires",
    "headers_not_signed": "HeadersNotSigned",
    "location_constraint": "LocationConstraint",
    "tag_key": "TagKey",
    "tag_value": "TagValue",
}

#: Fields whose element depends on the class, because one word means several things.
_ELEMENTS_BY_CLASS: Final[Mapping[type[e.StoreError], Mapping[str, str]]] = {
    S3Error: {"found": "ArgumentValue"},
    e.InvalidArgument: {"found": "ArgumentValue"},
    e.InvalidRange: {"size_bytes": "ActualObjectSize", "range": "RangeRequested"},
    e.TooLarge: {"size_bytes": "ProposedSize", "size_bytes_max": "MaxSizeAllowed"},
    e.MetadataTooLarge: {"size_bytes": "Size", "size_bytes_max": "MaxSizeAllowed"},
    e.TooSmall: {
        "size_bytes": "ProposedSize",
        "size_bytes_min": "MinSizeAllowed",
        "number": "PartNumber",
        "etag": "ETag",
    },
    e.KeyTooLong: {"size_bytes": "Size", "size_bytes_max": "MaxSizeAllowed"},
    e.InvalidPart: {"number": "PartNumber", "etag": "ETag"},
    e.InvalidPartNumber: {"number": "PartNumberRequested", "parts_count": "ActualPartCount"},
    e.DigestMismatch: {"expected": "ExpectedDigest", "found": "CalculatedDigest"},
    e.PayloadMismatch: {
        "expected": "ClientComputedContentSHA256",
        "found": "S3ComputedContentSHA256",
    },
    e.AuthorizationMalformed: {"region": "Region"},
    e.AuthorizationQueryMalformed: {"region": "Region"},
}

#: Classes whose own sentence is better than the table's general one, and safe to show.
_OWN_SENTENCE: Final = (
    S3Error,
    e.InvalidArgument,
    e.InvalidTag,
    e.NotSupported,
    e.InvalidDigest,
    e.ChecksumAlgorithmMismatch,
    e.ChecksumMissing,
    e.AccessDenied,
    e.AuthorizationMalformed,
    e.AuthorizationQueryMalformed,
)

_NO_BODY: Final = frozenset({304})
#: What a cache takes over from a 304 (RFC 9110 section 15.4.5).
_RENEWED: Final = ("cache-control", "expires")


class ErrorContext(msgspec.Struct, frozen=True):
    """What of the request appears in an error document."""

    method: str
    resource: str
    request_id: str
    host_id: str
    bucket: str | None = None
    key: str | None = None
    range: str | None = None


def render_error(
    error: BaseException, context: ErrorContext
) -> tuple[Row, list[tuple[str, str]], bytes]:
    """Return row, headers and document of an error; the document is empty where S3 sends none."""
    row = classify(error)
    headers = _error_headers(error, row)
    if context.method == "HEAD" or row.status in _NO_BODY:
        return row, headers, b""
    headers.append(("content-type", "application/xml"))
    return row, headers, _render(error, row, context)


def _render(error: BaseException, row: Row, context: ErrorContext) -> bytes:
    elements = [("Code", row.code), ("Message", sentence_of(error, row))]
    elements += _detail_elements(error, row, context)
    elements += [
        ("Resource", context.resource),
        ("RequestId", context.request_id),
        ("HostId", context.host_id),
    ]
    body = "".join(f"<{name}>{escape(legible(text))}</{name}>" for name, text in elements)
    return f"{PROLOGUE}<Error>{body}</Error>".encode()


def sentence_of(error: BaseException, row: Row) -> str:
    """Return what a client is told: the error's own sentence where it says more than the table."""
    if isinstance(error, _OWN_SENTENCE) and error.message != (type(error).__doc__ or "").strip():
        return error.message
    if isinstance(error, e.DigestMismatch):
        return _mismatch_sentence(error)
    return row.message


def _mismatch_sentence(error: e.DigestMismatch) -> str:
    """Return S3's sentence for a wrong digest; its tools look for the algorithm in there."""
    algorithm = error.fields.get("algorithm", "checksum")
    if algorithm == "MD5":
        return "The Content-MD5 you specified did not match what we received."
    return f"The {algorithm} you specified did not match the calculated checksum."


def _detail_elements(
    error: BaseException, row: Row, context: ErrorContext
) -> list[tuple[str, str]]:
    """Return the facts of an error that S3 shows; faults of ours show none, they name drives."""
    if not isinstance(error, e.StoreError) or isinstance(error, e.Damaged | e.Unavailable):
        return []
    facts = dict(error.fields)
    if isinstance(error, e.NotFound):
        if context.bucket is not None and isinstance(error, e.BucketNotFound | e.TagsNotFound):
            facts.setdefault("bucket", context.bucket)
        elif context.key is not None:
            facts.setdefault("key", context.key)
    if isinstance(error, e.MethodNotAllowed):
        facts |= {"method": context.method, "resource_type": "DeleteMarker"}
    if isinstance(error, e.InvalidRange) and context.range:
        facts.setdefault("range", context.range)
    own = _ELEMENTS_BY_CLASS.get(type(error), {})
    pairs = [(element, facts[name]) for name, element in _ELEMENTS.items() if name in facts]
    pairs += [(element, facts[name]) for name, element in own.items() if name in facts]
    return [(element, _text(value)) for element, value in pairs if value is not None]


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


def _error_headers(error: BaseException, row: Row) -> list[tuple[str, str]]:
    headers: list[tuple[str, str]] = []
    if row.status == 503:
        headers.append(("retry-after", "1"))
    if isinstance(error, e.ObjectNotFound):
        _add_marker(headers, error.fields.get("delete_marker"))
    elif isinstance(error, e.MethodNotAllowed):
        _add_marker(headers, error.fields.get("version_id"))
        headers.append(("allow", "DELETE"))
        _add_time(headers, error.fields.get("modified_ns"))
    elif isinstance(error, S3Error) and "allow" in error.fields:
        headers.append(("allow", str(error.fields["allow"])))
    elif isinstance(error, e.NotModified):
        headers.append(("etag", f'"{error.fields["etag"]}"'))
        _add_time(headers, error.fields.get("modified_ns"))
        stored = error.fields.get("headers")
        if isinstance(stored, Mapping):
            headers += [(name, stored[name]) for name in _RENEWED if name in stored]
    elif isinstance(error, e.AuthorizationMalformed | e.AuthorizationQueryMalformed):
        if "region" in error.fields:
            # SDKs sign anew for this region; to a HEAD no document tells it.
            headers.append(("x-amz-bucket-region", str(error.fields["region"])))
    elif isinstance(error, e.InvalidRange) and "size_bytes" in error.fields:
        headers.append(("content-range", f"bytes */{error.fields['size_bytes']}"))
    return headers


def _add_marker(headers: list[tuple[str, str]], version_id: object) -> None:
    """Say that a delete marker was found; its id is a string where the caller knows it."""
    if version_id:
        headers.append(("x-amz-delete-marker", "true"))
        if isinstance(version_id, str):
            headers.append(("x-amz-version-id", version_id))


def _add_time(headers: list[tuple[str, str]], modified_ns: object) -> None:
    if isinstance(modified_ns, int):
        headers.append(("last-modified", render_http_date(datetime_from_ns(modified_ns))))


def render_plain_error(*, code: str, message: str, request_id: str, host_id: str) -> bytes:
    """Return the document of an error that was found before there was a request."""
    body = "".join(
        f"<{name}>{escape(text)}</{name}>"
        for name, text in (
            ("Code", code),
            ("Message", message),
            ("RequestId", request_id),
            ("HostId", host_id),
        )
    )
    return f"{PROLOGUE}<Error>{body}</Error>".encode()
