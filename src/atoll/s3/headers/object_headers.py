"""The headers of an object: from a write to `Attributes`, and from those to a read's answer.

Owns      which headers are stored, the limit of user metadata, and how text beyond ASCII travels.
Does not  read checksums or tags from requests beyond calling their parsers.
Invariant what a writer sent in ASCII comes back byte for byte, RFC 2047 words included; raw bytes
          beyond ASCII are kept as the text they are (UTF-8, else latin-1) and come back as one
          RFC 2047 word, as in S3. The token `aws-chunked` of Content-Encoding is never kept.
Source    AWS "Working with object metadata", PutObject, GetObject.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Final

from atoll.base.errors import MetadataTooLarge
from atoll.base.limits import METADATA_BYTES_MAX
from atoll.objects.contract import REDIRECT_HEADER
from atoll.objects.values import Attributes, ObjectVersion
from atoll.s3.body import stored_content_encoding
from atoll.s3.call import Document
from atoll.s3.errors import S3Error
from atoll.s3.headers.checksums import checksum_headers
from atoll.s3.headers.tagging import parse_tagging_header
from atoll.s3.headers.version_ids import written_version_id
from atoll.s3.protocol.members import structure, text
from atoll.s3.xml.times import datetime_from_ns, render_http_date

DEFAULT_CONTENT_TYPE: Final = "binary/octet-stream"

_STORED: Final = {
    "ContentType": "content-type",
    "CacheControl": "cache-control",
    "ContentDisposition": "content-disposition",
    "ContentEncoding": "content-encoding",
    "ContentLanguage": "content-language",
    "Expires": "expires",
    # Kept and shown, and followed by nobody, as at S3's own REST endpoint.
    "WebsiteRedirectLocation": REDIRECT_HEADER,
}
_REDIRECT_PREFIXES: Final = ("/", "http://", "https://")
_REDIRECT_LENGTH_MAX: Final = 2048

HeaderPairs = list[tuple[str, str]]


def parse_attributes(document: Document) -> Attributes:
    """Return what a write says about its object.

    Raises
        MetadataTooLarge: names and values of the user metadata exceed 2 KiB.
        S3Error: InvalidRedirectLocation, it leads nowhere.
        InvalidTag, InvalidArgument, S3Error: see `tagging`.
    """
    headers: dict[str, str] = {}
    for member, name in _STORED.items():
        if member in document:
            value = text(document, member)
            if name == "content-encoding":
                value = stored_content_encoding(value)
            elif name == REDIRECT_HEADER:
                value = parse_redirect(document)
            if value:
                headers[name] = value
    return Attributes(
        headers=headers,
        metadata=_parse_metadata(structure(document, "Metadata")),
        tags=parse_tagging_header(text(document, "Tagging")),
    )


def parse_redirect(document: Document) -> str | None:
    """Return where a website would lead the readers of an object.

    Raises
        S3Error: InvalidRedirectLocation, it is no path and no address of the web, or too long.
    """
    location = text(document, "WebsiteRedirectLocation")
    if not location:
        return None
    if not location.startswith(_REDIRECT_PREFIXES):
        raise S3Error("InvalidRedirectLocation")
    if len(location) > _REDIRECT_LENGTH_MAX:
        raise S3Error(
            "InvalidRedirectLocation",
            f"The length of website redirect location cannot exceed {_REDIRECT_LENGTH_MAX:,}"
            " characters.",
        )
    return location


def _parse_metadata(sent: Document) -> dict[str, str]:
    metadata: dict[str, str] = {}
    size_bytes = 0
    for name in sent:
        value = text(sent, name) or ""
        if value.isascii():
            size_bytes += len(value)
        else:
            value = _decode(value)
            size_bytes += len(value.encode())
        size_bytes += len(name)
        metadata[name] = value
    if size_bytes > METADATA_BYTES_MAX:
        raise MetadataTooLarge(size_bytes=size_bytes, size_bytes_max=METADATA_BYTES_MAX)
    return metadata


def _decode(value: str) -> str:
    """Return the text of a header value; headers arrive as latin-1, most clients mean UTF-8."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def render_metadata_value(value: str) -> str:
    """Return a metadata value as a header value."""
    if value.isascii():
        return value
    return f"=?UTF-8?B?{base64.b64encode(value.encode()).decode('ascii')}?="


def read_headers(version: ObjectVersion, overrides: Mapping[str, str]) -> HeaderPairs:
    """Return the headers of a GET or HEAD that do not depend on range, version or checksum mode."""
    attributes = version.attributes
    headers = [
        ("last-modified", render_http_date(datetime_from_ns(version.modified_ns))),
        ("etag", f'"{version.etag}"'),
        ("accept-ranges", "bytes"),
    ]
    stored = {**attributes.headers, **overrides} if overrides else attributes.headers
    if "content-type" not in stored:
        headers.append(("content-type", DEFAULT_CONTENT_TYPE))
    headers.extend(stored.items())
    for name, value in attributes.metadata.items():
        headers.append((f"x-amz-meta-{name}", render_metadata_value(value)))
    if attributes.tags:
        headers.append(("x-amz-tagging-count", str(len(attributes.tags))))
    return headers


def written_headers(version: ObjectVersion) -> tuple[tuple[str, str], ...]:
    """Return the headers that answer a write."""
    headers = [("etag", f'"{version.etag}"')]
    if version.checksum is not None:
        headers += checksum_headers(version.checksum, version.parts_count)
    shown = written_version_id(version.version_id)
    if shown is not None:
        headers.append(("x-amz-version-id", shown))
    return tuple(headers)
