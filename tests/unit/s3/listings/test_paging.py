"""Limits, tokens and encoding of listings."""

import pytest

from atoll.s3.errors import S3Error
from atoll.s3.listings.paging import (
    decode_token,
    encode_token,
    encode_url,
    encode_url_page,
    is_url_encoded,
    page_limit,
)
from atoll.s3.xml.render import escape, escape_page


@pytest.mark.parametrize(("asked", "limit"), [(None, 1000), (0, 0), (7, 7), (5000, 1000)])
def test_a_page_has_at_most_a_thousand_rows(asked, limit):
    assert page_limit({"MaxKeys": asked}, "MaxKeys", "max-keys") == limit


@pytest.mark.parametrize("asked", [-1, 2**31])
def test_a_limit_out_of_range_is_refused(asked):
    with pytest.raises(S3Error) as caught:
        page_limit({"MaxKeys": asked}, "MaxKeys", "max-keys")
    assert caught.value.fields == {"argument": "max-keys", "found": str(asked)}


@pytest.mark.parametrize("place", [b"", b"a", "é/\n".encode(), b"\xff\x00", b"k" * 1024])
def test_a_token_holds_its_place(place):
    assert decode_token(encode_token(place)) == place


@pytest.mark.parametrize("token", ["", "x", "AAAA", "é", "a" * 5000, "MQ==", "!!!!"])
def test_garbage_is_no_token(token):
    with pytest.raises(S3Error) as caught:
        decode_token(token)
    assert caught.value.code == "InvalidArgument"


def test_every_changed_character_makes_a_token_wrong():
    token = encode_token(b"some/key")
    for index in range(len(token)):
        other = "A" if token[index] != "A" else "B"
        changed = token[:index] + other + token[index + 1 :]
        with pytest.raises(S3Error):
            decode_token(changed)


def test_only_url_encoding_exists():
    assert is_url_encoded({}) is False
    assert is_url_encoded({"EncodingType": "url"}) is True
    with pytest.raises(S3Error):
        is_url_encoded({"EncodingType": "xml"})
    assert encode_url("a b/c+é\x01*~") == "a%20b/c%2B%C3%A9%01*~"


KEYS = [
    [],
    [b""],
    [b"a", b"b/c-._~*"],
    [b"a%b", b"%25", b"(x) + &<>\"'", b"plain"],
    [bytes((byte,)) for byte in range(0x80)],
    ["é".encode(), b"a b"],
    ["ключ/日本語/🙂".encode(), b"a", "щыъэ".encode()],
    [b"not\xffutf-8", b"\x80"],
]


@pytest.mark.parametrize("raws", KEYS)
def test_a_page_of_keys_is_encoded_as_one_by_one(raws):
    expected = [encode_url(raw.decode("utf-8", "replace")) for raw in raws]
    assert encode_url_page(raws) == expected


@pytest.mark.parametrize("raws", [*KEYS, [b"a\nb", b"c"], [b"a\nb&", b"<c"]])
def test_a_page_of_keys_is_escaped_as_one_by_one(raws):
    assert escape_page(raws) == [escape(raw.decode("utf-8", "replace")) for raw in raws]
