from email.header import decode_header, make_header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.base.errors import MetadataTooLarge
from atoll.base.names import ObjectKey, VersionId
from atoll.objects.values import Attributes, Checksum, ObjectVersion
from atoll.s3.headers.object_headers import (
    parse_attributes,
    read_headers,
    render_metadata_value,
    written_headers,
)


def make_version(**more):
    facts = {
        "key": ObjectKey(b"k"),
        "version_id": VersionId("null"),
        "is_delete_marker": False,
        "is_latest": True,
        "modified_ns": 1_700_000_000_999_999_999,
        "etag": "e",
    }
    return ObjectVersion(**{**facts, **more})


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("gzip", "gzip"),
        ("aws-chunked", None),
        ("aws-chunked,gzip", "gzip"),
        ("gzip, aws-chunked", "gzip"),
        ("gzip, br", "gzip, br"),
        ("", None),
    ],
)
def test_the_framing_of_a_body_is_not_its_encoding(value, kept):
    headers = parse_attributes({"ContentEncoding": value}).headers
    assert headers.get("content-encoding") == kept


@given(st.text(min_size=1, max_size=200).filter(str.isprintable))
def test_metadata_beyond_ascii_comes_back_as_one_word(value):
    sent = value.encode().decode("latin-1")
    kept = parse_attributes({"Metadata": {"m": sent}}).metadata["m"]
    assert kept == value
    shown = render_metadata_value(kept)
    assert shown.isascii()
    if value.isascii():
        assert shown == value
    else:
        assert str(make_header(decode_header(shown))) == value


def test_bytes_that_are_no_utf8_are_latin_1():
    kept = parse_attributes({"Metadata": {"m": "Z\xfcrich"}}).metadata["m"]
    assert render_metadata_value(kept) == "=?UTF-8?B?WsO8cmljaA==?="


def test_metadata_is_counted_in_bytes_of_utf8():
    fits = "ü" * 1023
    parse_attributes({"Metadata": {"m": fits.encode().decode("latin-1")}})
    with pytest.raises(MetadataTooLarge) as caught:
        parse_attributes({"Metadata": {"m": (fits + "ü").encode().decode("latin-1")}})
    assert caught.value.fields["size_bytes"] == 2049


def test_a_read_names_the_second_of_the_last_change():
    headers = dict(read_headers(make_version(), {}))
    assert headers["last-modified"] == "Tue, 14 Nov 2023 22:13:20 GMT"
    assert headers["content-type"] == "binary/octet-stream"


def test_overrides_win_over_stored_headers():
    version = make_version(attributes=Attributes(headers={"expires": "a", "content-type": "t/t"}))
    headers = read_headers(version, {"expires": "b"})
    assert [value for name, value in headers if name == "expires"] == ["b"]
    assert dict(headers)["content-type"] == "t/t"
    assert version.attributes.headers["expires"] == "a"


def test_a_write_names_checksum_and_version():
    checksum = Checksum("CRC32", b"\x36\x10\xa6\x86")
    headers = written_headers(make_version(checksum=checksum, version_id=VersionId("v1")))
    assert headers == (
        ("etag", '"e"'),
        ("x-amz-checksum-crc32", "NhCmhg=="),
        ("x-amz-checksum-type", "FULL_OBJECT"),
        ("x-amz-version-id", "v1"),
    )
