"""Decide the conditions of requests. Pure.

Writes    compare ETags with the current version inside the write's register round.
Reads     follow RFC 9110 section 13.2.2: If-Match, else If-Unmodified-Since; then If-None-Match,
          else If-Modified-Since. Dates have whole seconds, so versions are compared at seconds.
Source    RFC 9110; AWS "Conditional requests".
"""

from __future__ import annotations

from atoll.base.errors import NotModified, ObjectNotFound, PreconditionFailed
from atoll.base.units import NS_PER_S
from atoll.core.formats.object_record import VersionRecord
from atoll.objects.values import Conditions


def check_write(conditions: Conditions, etag: str | None) -> None:
    """Raise unless a write may replace the current version; `etag` None: there is none.

    Raises
        ObjectNotFound: if_match on a missing key.
        PreconditionFailed: a condition does not hold.
    """
    wanted = conditions.if_match
    if wanted is not None:
        if etag is None:
            raise ObjectNotFound("The key has no current version to match.")
        if etag not in wanted and "*" not in wanted:
            raise PreconditionFailed("If-Match does not hold.", condition="If-Match")
    unwanted = conditions.if_none_match
    if unwanted is not None and etag is not None and (etag in unwanted or "*" in unwanted):
        raise PreconditionFailed("If-None-Match does not hold.", condition="If-None-Match")


def check_read(conditions: Conditions, record: VersionRecord) -> None:
    """Raise unless a version is to be read.

    Raises
        PreconditionFailed: If-Match or If-Unmodified-Since does not hold.
        NotModified: the caller has this version.
    """
    etag = record.etag
    modified_s = record.modified_ns // NS_PER_S
    if conditions.if_match is not None:
        if etag not in conditions.if_match and "*" not in conditions.if_match:
            raise PreconditionFailed("If-Match does not hold.", condition="If-Match")
    elif (
        conditions.if_unmodified_since_ns is not None
        and modified_s > conditions.if_unmodified_since_ns // NS_PER_S
    ):
        raise PreconditionFailed(
            "If-Unmodified-Since does not hold.", condition="If-Unmodified-Since"
        )
    if conditions.if_none_match is not None:
        known = etag in conditions.if_none_match or "*" in conditions.if_none_match
    elif conditions.if_modified_since_ns is not None:
        known = modified_s <= conditions.if_modified_since_ns // NS_PER_S
    else:
        known = False
    if known:
        raise NotModified(
            "The caller has this version.",
            etag=etag,
            modified_ns=record.modified_ns,
            version_id=record.version_id,
            headers=record.headers,
        )
