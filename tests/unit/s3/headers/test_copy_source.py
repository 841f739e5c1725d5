from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.base.errors import (
    InvalidArgument,
    InvalidKey,
    InvalidName,
    KeyTooLong,
    NotSupported,
)
from atoll.s3.headers.copy_source import parse_copy_source

VERSION = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("value", "key", "version"),
    [
        ("bucket/key", b"key", None),
        ("/bucket/key", b"key", None),
        ("/bucket//key", b"/key", None),
        ("bucket/../other/key", b"../other/key", None),
        ("bucket/a%2Fb%2520c", b"a/b%20c", None),
        ("%2Fbucket%2Fkey", b"key", None),
        ("bucket/a+b%2Bc", b"a b+c", None),
        (f"bucket/key?versionId={VERSION}", b"key", VERSION),
        ("bucket/a%3FversionId%3Db", b"a?versionId=b", None),
        (f"bucket/a?versionId=b?versionId={VERSION}", b"a?versionId=b", VERSION),
        ("bucket/a?x=1", b"a?x=1", None),
        ("bucket/Zürich".encode().decode("latin-1"), "Zürich".encode(), None),
        ("bucket/日本", "日本".encode(), None),
    ],
)
def test_what_a_header_names(value, key, version):
    source = parse_copy_source(value)
    assert (source.bucket, source.key, source.version_id) == ("bucket", key, version)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("", InvalidArgument),
        ("/", InvalidArgument),
        ("bucket", InvalidArgument),
        ("bucket/", InvalidArgument),
        ("//key", InvalidArgument),
        ("bucket/%zz", InvalidArgument),
        ("bucket/%", InvalidArgument),
        ("bucket/key?versionId=", InvalidArgument),
        ("bucket/key?versionId=abc", InvalidArgument),
        ("../key", InvalidName),
        ("UPPER/key", InvalidName),
        ("bu\x00ket/key", InvalidName),
        ("bucket/%00", InvalidKey),
        ("bucket/%ff", InvalidKey),
        ("bucket/" + "k" * 1025, KeyTooLong),
        ("arn:aws:s3:us-east-1:1:accesspoint/a/object/k", NotSupported),
        ("arn%3Aaws%3As3:::x/object/k", NotSupported),
    ],
)
def test_what_a_header_cannot_name(value, error):
    with pytest.raises(error):
        parse_copy_source(value)


@given(st.text(min_size=1, max_size=40).filter(lambda key: "\x00" not in key))
def test_every_key_survives_percent_encoding(key):
    try:
        encoded = quote(key)
    except UnicodeEncodeError:
        return
    assert parse_copy_source(f"bucket/{encoded}").key == key.encode()
