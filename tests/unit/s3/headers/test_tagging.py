import pytest

from atoll.base.errors import InvalidArgument, InvalidTag
from atoll.s3.errors import S3Error
from atoll.s3.headers.tagging import check_tags, parse_tag_set, parse_tagging_header, render_tag_set


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        (None, {}),
        ("", {}),
        ("a=1&b=2", {"a": "1", "b": "2"}),
        ("a", {"a": ""}),
        ("a=", {"a": ""}),
        ("a=b=c", {"a": "b=c"}),
        ("a+b=c%20d", {"a b": "c d"}),
        ("%E6%97%A5=%E6%9C%AC", {"日": "本"}),
    ],
)
def test_tags_of_a_header(value, tags):
    assert parse_tagging_header(value) == tags


@pytest.mark.parametrize("value", ["a=1&a=2", "a=%ff", "%ff=a", "a=\u65e5"])
def test_headers_that_are_none(value):
    with pytest.raises(InvalidArgument) as caught:
        parse_tagging_header(value)
    assert caught.value.fields == {"argument": "x-amz-tagging", "found": value}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("k" * 128, "v" * 256),
        ("a b+c-d=e.f_g:h/i@j", ""),
        ("ключ", "значение"),
        ("हिन्दी", "𝒳" * 128),
    ],
)
def test_tags_that_are_valid(key, value):
    assert check_tags([(key, value)]) == {key: value}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("", "v"),
        ("k" * 129, "v"),
        ("k", "v" * 257),
        ("k", "𝒳" * 129),
        ("a#b", "v"),
        ("a", "x*y"),
        ("a\x00", "v"),
        ("a", "v\x1b"),
        ("aws:name", "v"),
        ("AWS:name", "v"),
    ],
)
def test_tags_that_are_not(key, value):
    with pytest.raises(InvalidTag):
        check_tags([(key, value)])


def test_a_document_may_not_repeat_a_key():
    rows = render_tag_set({"a": "1"})
    assert parse_tag_set(rows) == {"a": "1"}
    with pytest.raises(InvalidTag):
        parse_tag_set([*rows, *rows])


def test_objects_have_ten_tags_buckets_fifty():
    pairs = [(f"k{number}", "") for number in range(51)]
    assert len(check_tags(pairs[:10])) == 10
    assert len(check_tags(pairs[:50], 50)) == 50
    for count, limit in ((11, 10), (51, 50)):
        with pytest.raises(S3Error) as caught:
            check_tags(pairs[:count], limit)
        assert caught.value.code == "BadRequest"
