"""Times in signed requests.

Invariant a text that is not exactly a time of its form gives None, never a guess.
Source    AWS "Elements of an AWS API request signature": `yyyyMMdd'T'HHmmss'Z'`; RFC 9110 dates.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from atoll.base.units import NS_PER_S
from atoll.s3.xml.times import ns_from_datetime, parse_http_date

#: How far the clocks of client and server may differ.
SKEW_S_MAX: Final = 900
SKEW_NS_MAX: Final = SKEW_S_MAX * NS_PER_S

_BASIC: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z")


def parse_amz_date(text: str) -> int | None:
    """Return nanoseconds since 1970 of `20130524T000000Z`, or None."""
    match = _BASIC.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.groups())
    try:
        when = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return ns_from_datetime(when)


def parse_date_header(text: str) -> int | None:
    """Return nanoseconds since 1970 of a Date header in any form that clients sign, or None."""
    when_ns = parse_amz_date(text)
    if when_ns is not None:
        return when_ns
    try:
        return ns_from_datetime(parse_http_date(text))
    except ValueError:
        return None


def render_amz_date(when_ns: int) -> str:
    """Return `20130524T000000Z` of nanoseconds since 1970."""
    return datetime.fromtimestamp(when_ns // NS_PER_S, UTC).strftime("%Y%m%dT%H%M%SZ")
