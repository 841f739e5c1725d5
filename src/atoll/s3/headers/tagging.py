"""Tag sets: from the x-amz-tagging header and from documents, and back.

Owns      the rules for tags: number, lengths, characters, no key twice.
Invariant a dict of tags made here satisfies them; its order is the client's.
Source    AWS "Categorizing your objects using tags", PutObjectTagging.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import unquote_to_bytes

from atoll.base.errors import InvalidArgument, InvalidTag
from atoll.base.limits import TAGS_PER_OBJECT_MAX
from atoll.s3.call import Document, Field
from atoll.s3.errors import S3Error
from atoll.s3.protocol.binding import list_member
from atoll.s3.protocol.members import text

_KEY_MAX: Final = 128
_VALUE_MAX: Final = 256
#: Characters that are neither letter, digit, mark nor white space of any script, but allowed.
_SIGNS: Final = "+-=._:/@"
#: ASCII has few letters; other scripts have marks and joiners that `\w` does not know.
_FORBIDDEN: Final = re.compile(rf"[\x00-\x08\x0e-\x1f\x7f]|(?![\w\s{re.escape(_SIGNS)}])[!-~]")
_HEADER: Final = "x-amz-tagging"


def parse_tagging_header(value: str | None) -> dict[str, str]:
    """Return the tags of a header, which has the form of a query string.

    Raises
        InvalidArgument: it is not URL-encoded UTF-8, or has a key twice.
        InvalidTag, S3Error: a tag breaks a rule, or there are too many.
    """
    if not value:
        return {}
    pairs: list[tuple[str, str]] = []
    for pair in value.split("&"):
        raw_key, _, raw_value = pair.partition("=")
        pairs.append((_decode(raw_key, value), _decode(raw_value, value)))
    if len({key for key, _ in pairs}) != len(pairs):
        raise _bad_header(value)
    return check_tags(pairs)


def _decode(raw: str, header: str) -> str:
    try:
        return unquote_to_bytes(raw.replace("+", " ").encode("latin-1")).decode("utf-8")
    except UnicodeError as exc:
        raise _bad_header(header) from exc


def _bad_header(value: str) -> InvalidArgument:
    return InvalidArgument(
        "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters"
        " without tag name duplicates.",
        argument=_HEADER,
        found=value,
    )


def parse_tag_set(rows: Iterable[Document], limit: int = TAGS_PER_OBJECT_MAX) -> dict[str, str]:
    """Return the tags of a document's `TagSet`.

    Raises
        InvalidTag: a tag breaks a rule or a key stands twice.
        S3Error: BadRequest, there are too many.
    """
    return check_tags([(text(row, "Key") or "", text(row, "Value") or "") for row in rows], limit)


def check_tags(
    pairs: Sequence[tuple[str, str]], limit: int = TAGS_PER_OBJECT_MAX
) -> dict[str, str]:
    """Return pairs of key and value as tags.

    Raises
        InvalidTag: a tag breaks a rule or a key stands twice.
        S3Error: BadRequest, there are too many.
    """
    if len(pairs) > limit:
        noun = "Object tags" if limit == TAGS_PER_OBJECT_MAX else "Bucket tag count"
        raise S3Error("BadRequest", f"{noun} cannot be greater than {limit}")
    tags: dict[str, str] = {}
    for key, value in pairs:
        if not 1 <= _length(key) <= _KEY_MAX or _FORBIDDEN.search(key):
            raise InvalidTag("The TagKey you have provided is invalid", tag_key=key)
        if key.lower().startswith("aws:"):
            raise InvalidTag("System tags cannot be added/updated by requester", tag_key=key)
        if _length(value) > _VALUE_MAX or _FORBIDDEN.search(value):
            raise InvalidTag(
                "The TagValue you have provided is invalid", tag_key=key, tag_value=value
            )
        if key in tags:
            raise InvalidTag("Cannot provide multiple Tags with the same key", tag_key=key)
        tags[key] = value
    return tags


def _length(value: str) -> int:
    """Return the length in UTF-16 units, which is how S3 counts."""
    return len(value) if value.isascii() else len(value.encode("utf-16-le")) // 2


def render_tag_set(tags: Mapping[str, str]) -> list[Field]:
    """Return the rows of a `TagSet`."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def tag_rows(tagging: Document) -> list[Document]:
    """Return the rows of a `Tagging` document."""
    return list_member(tagging, "TagSet")
