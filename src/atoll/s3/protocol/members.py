"""Typed access to the members of a call's input.

Owns      narrowing a member to the type its shape has; the bounds that many members share.
Does not  parse: the front end has done that, so a member of another type is our own mistake.
Invariant an absent member is None; a member outside its bounds is InvalidArgument with the name the
          client used for it and the value it sent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from atoll.base.errors import InvalidArgument
from atoll.base.limits import PART_NUMBER_MAX
from atoll.base.names import UploadId, VersionId
from atoll.s3.call import Document
from atoll.s3.xml.times import ns_from_datetime

#: The largest value AWS names in its own messages about markers and page sizes.
_INTEGER_MAX: Final = 2**31 - 1
#: What the object layer gives out: `null`, or time and randomness in hex.
_VERSION_ID: Final = re.compile(r"null|[0-9a-f]{32}")


def text(document: Document, name: str) -> str | None:
    """Return a string member."""
    value = document.get(name)
    assert value is None or isinstance(value, str), name
    return value


def integer(document: Document, name: str) -> int | None:
    """Return a number member."""
    value = document.get(name)
    assert value is None or (isinstance(value, int) and not isinstance(value, bool)), name
    return value


def flag(document: Document, name: str) -> bool:
    """Return a boolean member; an absent one is false."""
    value = document.get(name)
    assert value is None or isinstance(value, bool), name
    return bool(value)


def time_ns(document: Document, name: str) -> int | None:
    """Return a timestamp member as nanoseconds since 1970."""
    value = document.get(name)
    assert value is None or isinstance(value, datetime), name
    return None if value is None else ns_from_datetime(value)


def structure(document: Document, name: str) -> Document:
    """Return a structure member; an absent one is empty."""
    value = document.get(name)
    if value is None:
        return {}
    assert not isinstance(value, (str, int, float, bytes, datetime, Sequence)), name
    return value


def version_id(document: Document) -> VersionId | None:
    """Return the version a request names.

    Raises
        InvalidArgument: it is named, but empty or of another form than version ids have.
    """
    value = text(document, "VersionId")
    return None if value is None else check_version_id(value)


def check_version_id(value: str, *, argument: str = "versionId") -> VersionId:
    """Return an id that a version may have; whether one does the object layer knows.

    Raises
        InvalidArgument: it is empty, or no version ever has such an id.
    """
    if not value:
        raise InvalidArgument(
            "Version id cannot be the empty string", argument=argument, found=value
        )
    if not _VERSION_ID.fullmatch(value):
        raise InvalidArgument("Invalid version id specified", argument=argument, found=value)
    return VersionId(value)


def upload_id(document: Document) -> UploadId:
    """Return the multipart upload a request names."""
    return UploadId(text(document, "UploadId") or "")


def part_number(document: Document) -> int:
    """Return the part number of a request.

    Raises
        InvalidArgument: it is missing, or not in 1…10,000.
    """
    return check_part_number(integer(document, "PartNumber"))


def check_part_number(number: int | None) -> int:
    """Return a part number that S3 allows.

    Raises
        InvalidArgument: it is missing, or not in 1…10,000.
    """
    if number is None or not 1 <= number <= PART_NUMBER_MAX:
        raise InvalidArgument(
            f"Part number must be an integer between 1 and {PART_NUMBER_MAX}, inclusive",
            argument="partNumber",
            found="" if number is None else number,
        )
    return number


def bounded(document: Document, name: str, argument: str) -> int | None:
    """Return a number that must not be negative.

    Raises
        InvalidArgument: it is negative or absurdly large.
    """
    value = integer(document, name)
    if value is not None and not 0 <= value <= _INTEGER_MAX:
        raise InvalidArgument(
            f"Argument {argument} must be an integer between 0 and {_INTEGER_MAX}",
            argument=argument,
            found=value,
        )
    return value
