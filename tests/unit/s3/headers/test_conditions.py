from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.base.errors import NotSupported
from atoll.objects.values import Conditions
from atoll.s3.headers.conditions import (
    NONE,
    delete_conditions,
    parse_etags,
    read_conditions,
    source_conditions,
    write_conditions,
)


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        ('"abc"', ("abc",)),
        ("abc", ("abc",)),
        ("*", ("*",)),
        (' "a" , "b",c ', ("a", "b", "c")),
        ('"a,b"', ("a,b",)),
        ('W/"a", "b"', ("W/a", "b")),
        ('""', ("",)),
        ("", ()),
        ('"open', ('"open',)),
        ('"a" "b"', ('"a" "b"',)),
    ],
)
def test_lists_of_tags(value, tags):
    assert parse_etags(value) == tags


@given(st.text(max_size=60))
def test_no_text_breaks_the_parser(value):
    assert all(isinstance(tag, str) for tag in parse_etags(value))


def test_reads_have_four_conditions():
    when = datetime(2020, 1, 1, 0, 0, 1, tzinfo=UTC)
    members = {
        "IfMatch": '"a"',
        "IfNoneMatch": 'W/"b"',
        "IfModifiedSince": when,
        "IfUnmodifiedSince": when,
    }
    expected = Conditions(
        if_match=("a",),
        if_none_match=("b",),
        if_modified_since_ns=1_577_836_801 * 10**9,
        if_unmodified_since_ns=1_577_836_801 * 10**9,
    )
    assert read_conditions(members) == expected
    assert source_conditions(members) is NONE
    prefixed = {f"CopySource{name}": value for name, value in members.items()}
    assert source_conditions(prefixed) == expected
    assert read_conditions(prefixed) is NONE


def test_a_weak_tag_never_matches_strongly():
    assert read_conditions({"IfMatch": 'W/"a"'}).if_match == ("W/a",)


def test_writes_know_only_the_star_in_if_none_match():
    assert write_conditions({}) is NONE
    assert write_conditions({"IfNoneMatch": " * "}) == Conditions(if_none_match=("*",))
    assert write_conditions({"IfMatch": '"a"'}) == Conditions(if_match=("a",))
    for value in ('"a"', "", '*, "a"'):
        with pytest.raises(NotSupported):
            write_conditions({"IfNoneMatch": value})


def test_deletes():
    assert delete_conditions({}, "IfMatch") is NONE
    assert delete_conditions({"ETag": "a"}, "ETag") == Conditions(if_match=("a",))
    for name in ("IfMatchSize", "IfMatchLastModifiedTime", "Size", "LastModifiedTime"):
        with pytest.raises(NotSupported):
            delete_conditions({name: 1, "ETag": "a"}, "ETag")


def test_text_longer_than_any_header_is_no_list():
    text = '"a",' * 1_000_000
    assert parse_etags(text) == (text,)
