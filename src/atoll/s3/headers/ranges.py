"""Byte ranges: the Range header, and the stricter range of a part copy.

Owns      their syntax, and resolving a range against a size.
Invariant a Range header that is not one satisfiable-looking byte range is ignored, so the whole
          object is sent; one that is well formed but lies outside the object is InvalidRange.
Source    RFC 9110 section 14; AWS GetObject ("doesn't support retrieving multiple ranges") and
          UploadPartCopy ("must use the form bytes=first-last").
"""

from __future__ import annotations

import re
from typing import Final

from atoll.base.errors import InvalidArgument, InvalidRange
from atoll.objects.values import ByteRange, RangeSpec

#: More digits than any object has; longer numbers would only cost time.
_RANGE: Final = re.compile(r"bytes=\s*([0-9]{0,40})-([0-9]{0,40})\s*", re.IGNORECASE)
_COPY_RANGE: Final = re.compile(r"bytes=([0-9]{1,19})-([0-9]{1,19})")


def parse_range(value: str) -> RangeSpec | None:
    """Return the range a header asks for, or None where S3 ignores the header."""
    match = _RANGE.fullmatch(value)
    if match is None:
        return None
    first, last = match.groups()
    if first and last:
        return RangeSpec(int(first), int(last)) if int(first) <= int(last) else None
    if first:
        return RangeSpec(int(first), None)
    return RangeSpec(None, None, suffix=int(last)) if last else None


def resolve_range(spec: RangeSpec, size_bytes: int) -> ByteRange:
    """Return the bytes of an object that a range means.

    Raises
        InvalidRange: it means none.
    """
    if spec.suffix is not None:
        first, last = max(0, size_bytes - spec.suffix), size_bytes - 1
    else:
        first = spec.first or 0
        last = size_bytes - 1 if spec.last is None else min(spec.last, size_bytes - 1)
    if first > last:
        raise InvalidRange(size_bytes=size_bytes)
    return ByteRange(first, last)


def parse_copy_range(value: str) -> RangeSpec:
    """Return the range of a part copy.

    Raises
        InvalidArgument: it is not `bytes=first-last`.
    """
    match = _COPY_RANGE.fullmatch(value)
    if match is None or int(match[1]) > int(match[2]):
        raise InvalidArgument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and"
            " last are the zero-based offsets of the first and last bytes to copy",
            argument="x-amz-copy-source-range",
            found=value,
        )
    return RangeSpec(int(match[1]), int(match[2]))


def check_copy_range(spec: RangeSpec, size_bytes: int) -> None:
    """Check a part copy's range against its source.

    Raises
        InvalidArgument: it ends behind the source.
    """
    if spec.last is not None and spec.last >= size_bytes:
        raise InvalidArgument(
            f"Range specified is not valid for source object of size: {size_bytes}",
            argument="x-amz-copy-source-range",
            found=f"bytes={spec.first}-{spec.last}",
        )
