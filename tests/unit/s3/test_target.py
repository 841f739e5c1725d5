"""What paths, hosts and query strings name."""

import pytest

from atoll.s3.errors import S3Error
from atoll.s3.routes import Level
from atoll.s3.target import Target, parse_query, parse_target

DOMAINS = ("s3.example.org", "localhost")


@pytest.mark.parametrize(
    ("path", "bucket", "key"),
    [
        (b"/b/k", "b", b"k"),
        (b"/b//k", "b", b"/k"),
        (b"/b/a//b/../c/.", "b", b"a//b/../c/."),
        (b"/b/a/", "b", b"a/"),
        (b"/b/..", "b", b".."),
        (b"/b/%2e%2e%2fx", "b", b"../x"),
        (b"/b/%252e", "b", b"%2e"),
        (b"/b/a+b", "b", b"a+b"),
        (b"/b/%C3%A9", "b", "é".encode()),
        (b"/b%2Fk", "b/k", None),
    ],
)
def test_a_path_is_cut_before_it_is_decoded_once(path, bucket, key):
    level = Level.BUCKET if key is None else Level.OBJECT
    assert parse_target(path, None, DOMAINS) == Target(level, bucket, key)


def test_bucket_and_service_level():
    assert parse_target(b"/", "localhost:9000", DOMAINS) == Target(Level.SERVICE, None, None)
    assert parse_target(b"/b", None, ()) == Target(Level.BUCKET, "b", None)
    assert parse_target(b"/b/", None, ()) == Target(Level.BUCKET, "b", None)


@pytest.mark.parametrize(
    ("host", "bucket", "key"),
    [
        ("b.s3.example.org", "b", b"x/y"),
        ("B.S3.Example.ORG:9000", "b", b"x/y"),
        ("my.dotted.localhost", "my.dotted", b"x/y"),
        ("s3.example.org", "x", b"y"),
        ("xs3.example.org", "x", b"y"),
        ("elsewhere.org", "x", b"y"),
        ("[::1]:9000", "x", b"y"),
        ("", "x", b"y"),
    ],
)
def test_a_host_in_front_of_a_base_domain_is_a_bucket(host, bucket, key):
    assert parse_target(b"/x/y", host, DOMAINS) == Target(Level.OBJECT, bucket, key)


def test_a_host_bucket_without_key_is_bucket_level():
    assert parse_target(b"/", "b.localhost", DOMAINS) == Target(Level.BUCKET, "b", None)


@pytest.mark.parametrize(
    "path", [b"", b"b/k", b"*", b"//k", b"/b/%zz", b"/b/%4", b"/b/%ff", b"/b/\xff", b"/%ff"]
)
def test_what_is_no_uri_is_refused(path):
    with pytest.raises(S3Error) as caught:
        parse_target(path, None, ())
    assert caught.value.code == "InvalidURI"


def test_query_parameters_are_decoded_once():
    query = parse_query(b"prefix=a%2Fb+c%2B&acl&&x=%2525&y==")
    assert query == {"prefix": "a/b c+", "acl": "", "x": "%25", "y": "="}
    assert parse_query(b"") == {}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (b"a=%", "InvalidURI"),
        (b"a=%ff", "InvalidURI"),
        (b"versionId=1&versionId=2", "InvalidArgument"),
        (b"acl&%61cl", "InvalidArgument"),
    ],
)
def test_ambiguous_queries_are_refused(query, code):
    with pytest.raises(S3Error) as caught:
        parse_query(query)
    assert caught.value.code == code
