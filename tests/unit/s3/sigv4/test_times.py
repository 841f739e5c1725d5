"""Times in signed requests."""

import pytest

from atoll.s3.sigv4.times import parse_amz_date, parse_date_header, render_amz_date

WHEN_NS = 1_369_353_600 * 10**9


def test_basic_form_and_back():
    assert parse_amz_date("20130524T000000Z") == WHEN_NS
    assert render_amz_date(WHEN_NS + 5) == "20130524T000000Z"


@pytest.mark.parametrize(
    "text",
    ["", "20130524", "20130524T000000", "20130524T000000z", "20131324T000000Z", "20130524T240000Z",
     "20130524T0000000Z", "+0130524T000000Z", "٢٠130524T000000Z"],
)  # fmt: skip
def test_anything_else_is_none(text):
    assert parse_amz_date(text) is None


@pytest.mark.parametrize(
    "text",
    ["Fri, 24 May 2013 00:00:00 GMT", "Fri, 24 May 2013 02:00:00 +0200", "20130524T000000Z"],
)
def test_date_headers_of_all_clients(text):
    assert parse_date_header(text) == WHEN_NS


@pytest.mark.parametrize("text", ["", "yesterday", "Fri, 99 May 2013 00:00:00 GMT"])
def test_bad_date_headers_are_none(text):
    assert parse_date_header(text) is None
