"""Conditions of requests: entity tags and dates, from input members to `Conditions`.

Owns      the syntax of entity-tag lists; which conditions an action knows, and which it refuses.
Does not  evaluate anything: the object layer does, inside the read or the write it guards.
Invariant a condition that a client sent is either passed on or refused, never dropped; only dates
          that are no dates are ignored, by the parser, as RFC 9110 asks.
Source    RFC 9110 sections 8.8.3 and 13.1; AWS "Conditional requests".
"""

from __future__ import annotations

import re
from typing import Final

from atoll.base.errors import NotSupported
from atoll.base.units import KIB
from atoll.objects.values import Conditions
from atoll.s3.call import Document
from atoll.s3.protocol.members import text, time_ns

NONE: Final = Conditions()

_READ: Final = frozenset({"IfMatch", "IfNoneMatch", "IfModifiedSince", "IfUnmodifiedSince"})
_SOURCE: Final = frozenset(f"CopySource{name}" for name in _READ)
_CHARS_MAX: Final = 32 * KIB
#: S3 takes tags without quotes too; a comma inside quotes belongs to the tag.
_ETAG: Final = re.compile(r'\s*(W/)?(?:"([^"]*)"|([^",\s]+))\s*(?:,|$)')


def parse_etags(value: str) -> tuple[str, ...]:
    """Return the tags of a list without quotes; `*` stays `*`.

    A weak tag keeps its `W/`: it equals no tag of ours in a strong comparison. Text that is no list
    of tags is one tag that matches nothing; so is text longer than any header, from a document.
    """
    if len(value) > _CHARS_MAX:
        return (value,)
    tags: list[str] = []
    position = 0
    while position < len(value):
        match = _ETAG.match(value, position)
        if match is None:
            return (value,)
        weak, quoted, bare = match.groups()
        tags.append((weak or "") + (bare if quoted is None else quoted))
        position = match.end()
    return tuple(tags)


def read_conditions(document: Document) -> Conditions:
    """Return the conditions of a GET or HEAD."""
    if _READ.isdisjoint(document):
        return NONE
    return _conditions(document, "")


def source_conditions(document: Document) -> Conditions:
    """Return the conditions that the source of a copy must meet."""
    if _SOURCE.isdisjoint(document):
        return NONE
    return _conditions(document, "CopySource")


def write_conditions(document: Document) -> Conditions:
    """Return the conditions of a write.

    Raises
        NotSupported: If-None-Match names a tag; S3 knows only `*` there.
    """
    if "IfMatch" not in document and "IfNoneMatch" not in document:
        return NONE
    none_match = text(document, "IfNoneMatch")
    if none_match is not None and none_match.strip() != "*":
        raise NotSupported(header="If-None-Match", feature="If-None-Match with an entity tag")
    return Conditions(
        if_match=_etags(text(document, "IfMatch")),
        if_none_match=None if none_match is None else ("*",),
    )


def delete_conditions(
    document: Document, etag_member: str, *, none_match: str | None = None
) -> Conditions:
    """Return the conditions of a delete; `etag_member` is `IfMatch`, or `ETag` of a listed key.

    `none_match` is the If-None-Match header, which the service model does not know for deletes.

    Raises
        NotSupported: a condition that S3 has for directory buckets only.
    """
    for name in ("IfMatchLastModifiedTime", "IfMatchSize", "LastModifiedTime", "Size"):
        if name in document:
            raise NotSupported(feature=name)
    etag = text(document, etag_member)
    if etag is None and none_match is None:
        return NONE
    return Conditions(if_match=_etags(etag), if_none_match=_weak_etags(none_match))


def _conditions(document: Document, prefix: str) -> Conditions:
    return Conditions(
        if_match=_etags(text(document, f"{prefix}IfMatch")),
        if_none_match=_weak_etags(text(document, f"{prefix}IfNoneMatch")),
        if_modified_since_ns=time_ns(document, f"{prefix}IfModifiedSince"),
        if_unmodified_since_ns=time_ns(document, f"{prefix}IfUnmodifiedSince"),
    )


def _etags(value: str | None) -> tuple[str, ...] | None:
    return None if value is None else parse_etags(value)


def _weak_etags(value: str | None) -> tuple[str, ...] | None:
    """Return the tags of If-None-Match; RFC 9110 section 13.1.2: this comparison is weak."""
    return None if value is None else tuple(tag.removeprefix("W/") for tag in parse_etags(value))
