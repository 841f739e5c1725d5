"""Times as S3 writes them: ISO 8601 with milliseconds in documents, IMF-fixdate in headers.

Owns      both directions for both notations; a client may send any of the three HTTP date forms.
Invariant all datetimes are UTC; a text that is not a time raises ValueError, never guesses.
Source    RFC 9110 section 5.6.7; ISO 8601.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TWO: Final = tuple(f"{number:02d}" for number in range(60))
_THREE: Final = tuple(f"{number:03d}" for number in range(1000))
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)


def datetime_from_ns(time_ns: int) -> datetime:
    """Return the UTC time of nanoseconds since 1970, cut to microseconds."""
    return _EPOCH + timedelta(microseconds=time_ns // 1000)


def ns_from_datetime(when: datetime) -> int:
    """Return nanoseconds since 1970."""
    delta = when - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1000


def render_iso_ns(time_ns: int) -> str:
    """Return `2006-02-03T16:45:09.000Z` for nanoseconds since 1970."""
    seconds, rest_ns = divmod(time_ns, 1_000_000_000)
    when = datetime.fromtimestamp(seconds, UTC)
    return f"{when.isoformat()[:19]}.{rest_ns // 1_000_000:03d}Z"


def render_iso_page(times_ns: Iterable[int]) -> list[str]:
    """Return the same as `render_iso_ns` for each time of a page of rows.

    Rows share seconds, and nearly all of them share days, so each is rendered once.
    """
    days: dict[int, str] = {}
    seconds: dict[int, str] = {}
    texts: list[str] = []
    for time_ns in times_ns:
        time_s, rest_ns = divmod(time_ns, 1_000_000_000)
        text = seconds.get(time_s)
        if text is None:
            day, rest_s = divmod(time_s, 86_400)
            if day not in days:
                days[day] = (_EPOCH + timedelta(days=day)).isoformat()[:11]
            minutes, s = divmod(rest_s, 60)
            text = f"{days[day]}{_TWO[minutes // 60]}:{_TWO[minutes % 60]}:{_TWO[s]}."
            seconds[time_s] = text
        texts.append(f"{text}{_THREE[rest_ns // 1_000_000]}Z")
    return texts


def render_iso(when: datetime) -> str:
    """Return `2006-02-03T16:45:09.000Z`."""
    return f"{when.isoformat()[:19]}.{when.microsecond // 1000:03d}Z"


def render_http_date(when: datetime) -> str:
    """Return `Fri, 03 Feb 2006 16:45:09 GMT`."""
    return (
        f"{_DAYS[when.weekday()]}, {when.day:02d} {_MONTHS[when.month - 1]} {when.year:04d}"
        f" {when.hour:02d}:{when.minute:02d}:{when.second:02d} GMT"
    )


def parse_http_date(text: str) -> datetime:
    """Return the time of an HTTP date.

    Raises
        ValueError: it is none.
    """
    try:
        when = parsedate_to_datetime(text)
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        return when.astimezone(UTC)
    except (TypeError, OverflowError, IndexError) as exc:
        raise ValueError(f"not an HTTP date: {text[:40]!r}") from exc


def parse_iso(text: str) -> datetime:
    """Return the time of an ISO 8601 text; one without an offset is UTC.

    Raises
        ValueError: it is none.
    """
    when = datetime.fromisoformat(text.strip())
    try:
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except OverflowError as exc:
        raise ValueError(f"out of range: {text[:40]!r}") from exc
