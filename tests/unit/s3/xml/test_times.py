"""Times in documents and headers."""

from datetime import UTC, datetime

import pytest

from atoll.s3.xml.times import (
    datetime_from_ns,
    ns_from_datetime,
    parse_http_date,
    parse_iso,
    render_http_date,
    render_iso,
    render_iso_ns,
    render_iso_page,
)

WHEN = datetime(2006, 2, 3, 16, 45, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "Fri, 03 Feb 2006 16:45:09 GMT",
        "Friday, 03-Feb-06 16:45:09 GMT",
        "Fri Feb  3 16:45:09 2006",
        "Fri, 03 Feb 2006 17:45:09 +0100",
    ],
)
def test_every_http_date_form_is_read(text):
    assert parse_http_date(text) == WHEN


@pytest.mark.parametrize("text", ["", "now", "32", "Fri, 99 Feb 2006 16:45:09 GMT"])
def test_what_is_no_http_date_is_refused(text):
    with pytest.raises(ValueError, match=r".*"):
        parse_http_date(text)


def test_iso_without_offset_is_utc():
    assert parse_iso("2006-02-03T16:45:09") == WHEN
    assert parse_iso(" 2006-02-03T17:45:09+01:00 ") == WHEN


def test_times_are_written_as_s3_does():
    assert render_http_date(WHEN) == "Fri, 03 Feb 2006 16:45:09 GMT"
    assert render_iso(WHEN) == "2006-02-03T16:45:09.000Z"
    assert render_iso_ns(ns_from_datetime(WHEN) + 999_999_999) == "2006-02-03T16:45:09.999Z"
    assert datetime_from_ns(ns_from_datetime(WHEN)) == WHEN


def test_a_page_renders_times_as_one_by_one():
    first_ns = ns_from_datetime(WHEN)
    times_ns = [first_ns + step * 7_919_000_000_001 * (step % 5) for step in range(300)]
    times_ns += [first_ns + step * 77_000_000 for step in range(100)]
    assert render_iso_page(times_ns) == [render_iso_ns(time_ns) for time_ns in times_ns]
    assert render_iso_page([0]) == ["1970-01-01T00:00:00.000Z"]
    assert render_iso_page([]) == []
