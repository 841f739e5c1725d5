"""Reading an object: what GET and HEAD share.

Owns      the wish (range, part, conditions, overrides) from the input, and the status and headers
          of what was found.
Does not  move bytes: GET adds content, HEAD does not.
Invariant a wish that contradicts itself is refused before the store is asked. Checksum headers are
          sent only for bytes they are the checksum of: a whole object, or one whole part.
Source    AWS GetObject, HeadObject; RFC 9110 sections 13 and 14.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from atoll.base.errors import InvalidArgument, InvalidRange
from atoll.base.names import VersionId
from atoll.objects.contract import OpenObject
from atoll.objects.values import ByteRange, Conditions, ObjectVersion, RangeSpec
from atoll.s3.call import Call, Document
from atoll.s3.errors import S3Error
from atoll.s3.headers.checksums import COMPOSITE, checksum_headers, part_header
from atoll.s3.headers.conditions import read_conditions
from atoll.s3.headers.object_headers import HeaderPairs, read_headers
from atoll.s3.headers.ranges import parse_range, resolve_range
from atoll.s3.headers.version_ids import shown_version_id
from atoll.s3.protocol.members import part_number, text, time_ns, version_id
from atoll.s3.xml.times import datetime_from_ns, parse_http_date, render_http_date

_OVERRIDES: Final = {
    "ResponseCacheControl": "cache-control",
    "ResponseContentDisposition": "content-disposition",
    "ResponseContentEncoding": "content-encoding",
    "ResponseContentLanguage": "content-language",
    "ResponseContentType": "content-type",
    "ResponseExpires": "expires",
}
_OVERRIDE_NAMES: Final = frozenset(_OVERRIDES)
_NO_OVERRIDES: Final[Mapping[str, str]] = {}


class Wish(msgspec.Struct, frozen=True):
    """What a read asks for."""

    version_id: VersionId | None
    conditions: Conditions
    range: RangeSpec | None
    part_number: int | None
    overrides: Mapping[str, str]
    has_checksum_mode: bool


class Reading(msgspec.Struct, frozen=True):
    """How a read is answered. `range` None: all of the object."""

    status: int
    headers: tuple[tuple[str, str], ...]
    range: ByteRange | None
    length_bytes: int


def parse_wish(call: Call) -> Wish:
    """Return what a GET or HEAD asks for.

    Raises
        InvalidArgument: a member is out of its bounds.
        S3Error: InvalidRequest, range and part number, or overrides without a signature.
    """
    document = call.input
    spec = parse_range(text(document, "Range") or "") if "Range" in document else None
    number = None
    if "PartNumber" in document:
        number = part_number(document)
        if "Range" in document:
            raise S3Error(
                "InvalidRequest",
                "Cannot specify both Range header and partNumber query parameter",
            )
    return Wish(
        version_id=version_id(document),
        conditions=read_conditions(document),
        range=spec,
        part_number=number,
        overrides=_parse_overrides(call),
        has_checksum_mode=(text(document, "ChecksumMode") or "").upper() == "ENABLED",
    )


def _parse_overrides(call: Call) -> Mapping[str, str]:
    document = call.input
    if _OVERRIDE_NAMES.isdisjoint(document):
        return _NO_OVERRIDES
    if not call.principal.access_key:
        raise S3Error(
            "InvalidRequest",
            "Request specific response headers cannot be used for anonymous GET requests.",
        )
    return {
        header: _override(document, member, header)
        for member, header in _OVERRIDES.items()
        if member in document
    }


def _override(document: Document, member: str, header: str) -> str:
    if member == "ResponseExpires" and not isinstance(document[member], str):
        value = render_http_date(datetime_from_ns(time_ns(document, member) or 0))
    else:
        value = text(document, member) or ""
    try:
        value.encode("latin-1")
    except UnicodeEncodeError as exc:
        raise InvalidArgument(
            "Header value cannot be represented using ISO-8859-1.",
            argument=f"response-{header}",
            found=value,
        ) from exc
    # A line end would let the query write headers of its own.
    if any(
        ord(character) < 0x20 and character != "\t" or character == "\x7f" for character in value
    ):
        raise InvalidArgument(
            "Header value contains control characters.",
            argument=f"response-{header}",
            found=value,
        )
    return value


async def describe(call: Call, wish: Wish, opened: OpenObject) -> Reading:
    """Return status, headers and range of what was opened.

    Raises
        InvalidRange, InvalidPartNumber: the object has no such bytes.
    """
    version = opened.version
    headers = read_headers(version, wish.overrides)
    wanted = _find_range(call, wish, opened)
    assert call.bucket is not None
    shown = await shown_version_id(
        call.service.store, call.bucket, version.version_id, wish.version_id
    )
    if shown is not None:
        headers.append(("x-amz-version-id", shown))
    if wish.part_number is not None and version.parts_count:
        headers.append(("x-amz-mp-parts-count", str(version.parts_count)))
    if wish.has_checksum_mode:
        headers += await _checksum_headers(wish, opened)
    if wanted is None:
        return Reading(200, tuple(headers), None, version.size_bytes)
    _add_content_range(headers, wanted, version.size_bytes)
    return Reading(206, tuple(headers), wanted, wanted.size_bytes)


def _find_range(call: Call, wish: Wish, opened: OpenObject) -> ByteRange | None:
    version = opened.version
    if wish.part_number is not None:
        part = opened.part_range(wish.part_number)
        # All of an empty object is no range: it has no first byte.
        return part if version.size_bytes else None
    if wish.range is None or not _is_range_valid(call, version):
        return None
    try:
        return resolve_range(wish.range, version.size_bytes)
    except InvalidRange as exc:
        asked = text(call.input, "Range")
        raise InvalidRange(size_bytes=version.size_bytes, range=asked) from exc


def _is_range_valid(call: Call, version: ObjectVersion) -> bool:
    """Return whether If-Range, where sent, names this version: else all of it is sent."""
    value = call.request.headers.get("if-range")
    if value is None or value == f'"{version.etag}"':
        return True
    try:
        when = parse_http_date(value)
    except ValueError:
        return False
    return render_http_date(when) == render_http_date(datetime_from_ns(version.modified_ns))


def _add_content_range(headers: HeaderPairs, wanted: ByteRange, size_bytes: int) -> None:
    if wanted.size_bytes:
        headers.append(("content-range", f"bytes {wanted.first}-{wanted.last}/{size_bytes}"))


async def _checksum_headers(wish: Wish, opened: OpenObject) -> HeaderPairs:
    version = opened.version
    if wish.range is not None:
        return []
    checksum = version.checksum
    if checksum is None:
        return []
    if wish.part_number is None or version.parts_count == 0:
        return checksum_headers(checksum, version.parts_count)
    if not checksum.composite:
        # S3 tells no part's own checksum here; the only part of an object has the object's.
        return checksum_headers(checksum) if version.parts_count == 1 else []
    parts, _ = await opened.parts(wish.part_number - 1, 1)
    own = parts[0].checksum if parts else None
    return [] if own is None else [part_header(own), ("x-amz-checksum-type", COMPOSITE)]
