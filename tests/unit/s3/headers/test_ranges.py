import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.base.errors import InvalidArgument, InvalidRange
from atoll.objects.values import ByteRange, RangeSpec
from atoll.s3.headers.ranges import check_copy_range, parse_copy_range, parse_range, resolve_range


@pytest.mark.parametrize(
    ("value", "spec"),
    [
        ("bytes=0-0", RangeSpec(0, 0)),
        ("Bytes=1-", RangeSpec(1, None)),
        ("bytes=-5", RangeSpec(None, None, 5)),
        ("bytes= 1-2 ", RangeSpec(1, 2)),
        ("bytes=5-" + "9" * 30, RangeSpec(5, int("9" * 30))),
    ],
)
def test_ranges_that_are_understood(value, spec):
    assert parse_range(value) == spec


@pytest.mark.parametrize(
    "value",
    ["", "bytes", "bytes=", "bytes=-", "bytes=2-1", "bytes=1-2,4-5", "bytes=a-b", "bytes=--1"]
    + ["items=1-2", "bytes 1-2", "bytes=+1-2", "bytes=1_0-20", "bytes=١-٢", "bytes=1-" + "9" * 99],
)
def test_ranges_that_are_ignored(value):
    assert parse_range(value) is None


@given(st.integers(0, 60), st.integers(0, 60), st.binary(max_size=40))
def test_a_resolved_range_cuts_what_the_header_means(first, length, content):
    last = first + length
    if first >= len(content):
        with pytest.raises(InvalidRange):
            resolve_range(RangeSpec(first, last), len(content))
        return
    found = resolve_range(RangeSpec(first, last), len(content))
    assert content[found.first : found.last + 1] == content[first : last + 1]
    assert found.size_bytes == len(content[first : last + 1])
    assert resolve_range(RangeSpec(first, None), len(content)).last == len(content) - 1


@given(st.integers(1, 60), st.binary(min_size=1, max_size=40))
def test_a_suffix_is_the_last_bytes_or_all(suffix, content):
    found = resolve_range(RangeSpec(None, None, suffix), len(content))
    assert content[found.first : found.last + 1] == content[-suffix:]


@pytest.mark.parametrize(("suffix", "size"), [(0, 5), (5, 0), (0, 0)])
def test_a_suffix_of_nothing_is_not_satisfiable(suffix, size):
    with pytest.raises(InvalidRange) as caught:
        resolve_range(RangeSpec(None, None, suffix), size)
    assert caught.value.fields == {"size_bytes": size}


def test_a_copy_range_is_strict():
    assert parse_copy_range("bytes=3-9") == RangeSpec(3, 9)
    for value in ("bytes=3-", "bytes=-3", "BYTES=3-9", "bytes= 3-9", "3-9", "bytes=9-3", ""):
        with pytest.raises(InvalidArgument):
            parse_copy_range(value)


def test_a_copy_range_lies_inside_its_source():
    check_copy_range(RangeSpec(3, 9), 10)
    with pytest.raises(InvalidArgument) as caught:
        check_copy_range(RangeSpec(3, 9), 9)
    assert caught.value.fields["found"] == "bytes=3-9"


def test_a_range_knows_its_size():
    assert ByteRange(3, 9).size_bytes == 7
