import hashlib

import pytest

from atoll.base.errors import (
    DigestMismatch,
    InvalidArgument,
    InvalidTag,
    MetadataTooLarge,
    NotSupported,
    ObjectNotFound,
    PreconditionFailed,
    TooLarge,
)
from atoll.base.limits import PUT_BYTES_MAX
from atoll.objects.values import Versioning
from atoll.s3.actions.head_object import head_object
from atoll.s3.actions.put_object import put_object
from atoll.s3.errors import S3Error
from fakes.s3_call import Bench, body, header, parse


@pytest.fixture
def bench():
    return Bench()


def test_an_object_is_stored(bench):
    answer = bench.run(put_object, body=body(b"hello"))
    assert answer.status == 200
    assert answer.headers == (("etag", f'"{hashlib.md5(b"hello").hexdigest()}"'),)
    assert bench.content() == b"hello"


def test_the_checksum_asked_for_is_answered(bench):
    answer = bench.run(put_object, body=body(b"hello", "CRC32"))
    parsed = parse("PutObject", answer)
    assert parsed["ChecksumCRC32"] == "NhCmhg=="
    assert parsed["ChecksumType"] == "FULL_OBJECT"


def test_a_wrong_checksum_stores_nothing(bench):
    with pytest.raises(DigestMismatch):
        bench.run(put_object, body=body(b"hello", checksums={"CRC32": b"0000"}))
    assert not bench.store.versions["bucket"]


def test_version_ids_are_answered_while_versioning_is_enabled(bench):
    bench.version(Versioning.ENABLED)
    answer = bench.run(put_object, body=body(b"x"))
    assert header(answer, "x-amz-version-id") not in (None, "null")
    bench.version(Versioning.SUSPENDED)
    assert header(bench.run(put_object, body=body(b"x")), "x-amz-version-id") is None


def test_headers_metadata_and_tags_are_kept(bench):
    members = {
        "ContentType": "text/plain",
        "ContentEncoding": "aws-chunked,gzip",
        "ContentLanguage": "",
        "Expires": "next year",
        "Metadata": {"color": "blue", "city": "Zürich".encode().decode("latin-1")},
        "Tagging": "a=1&b=%C3%BC+x",
    }
    bench.run(put_object, members, body=body(b"x"))
    (stored,) = bench.store.versions["bucket"][b"key"]
    attributes = stored.version.attributes
    assert attributes.headers == {
        "content-type": "text/plain",
        "content-encoding": "gzip",
        "expires": "next year",
    }
    assert attributes.metadata == {"color": "blue", "city": "Zürich"}
    assert attributes.tags == {"a": "1", "b": "ü x"}


def test_an_rfc_2047_word_comes_back_as_it_was(bench):
    word = "=?UTF-8?Q?Z=C3=BCrich?="
    bench.run(put_object, {"Metadata": {"city": word}}, body=body(b"x"))
    assert header(bench.run(head_object), "x-amz-meta-city") == word


def test_metadata_is_limited_to_two_kibibytes(bench):
    bench.run(put_object, {"Metadata": {"a": "x" * 2047}}, body=body(b"x"))
    with pytest.raises(MetadataTooLarge):
        bench.run(put_object, {"Metadata": {"ab": "x" * 2047}}, body=body(b"y"))
    assert bench.content() == b"x"


def test_the_length_must_be_known(bench):
    unknown = body(b"x")
    unknown.size_bytes = None
    with pytest.raises(S3Error) as caught:
        bench.run(put_object, body=unknown)
    assert caught.value.code == "MissingContentLength"


def test_an_object_above_five_gibibytes_is_refused_unread(bench):
    large = body(b"x")
    large.size_bytes = PUT_BYTES_MAX + 1
    with pytest.raises(TooLarge):
        bench.run(put_object, body=large)


def test_create_only_wins_once(bench):
    bench.run(put_object, {"IfNoneMatch": "*"}, body=body(b"one"))
    with pytest.raises(PreconditionFailed):
        bench.run(put_object, {"IfNoneMatch": "*"}, body=body(b"two"))
    assert bench.content() == b"one"


def test_compare_and_set(bench):
    with pytest.raises(ObjectNotFound):
        bench.run(put_object, {"IfMatch": '"x"'}, body=body(b"one"))
    etag = header(bench.run(put_object, body=body(b"one")), "etag")
    bench.run(put_object, {"IfMatch": etag}, body=body(b"two"))
    with pytest.raises(PreconditionFailed):
        bench.run(put_object, {"IfMatch": etag}, body=body(b"three"))
    assert bench.content() == b"two"


def test_create_unless_a_tag_exists_is_not_known(bench):
    with pytest.raises(NotSupported):
        bench.run(put_object, {"IfNoneMatch": '"abc"'}, body=body(b"x"))
    assert not bench.store.versions["bucket"]


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("a=1&a=2", InvalidArgument),
        ("a=%ff", InvalidArgument),
        ("aws:x=1", InvalidTag),
        ("a=<", InvalidTag),
        ("&".join(f"k{n}=v" for n in range(11)), S3Error),
    ],
)
def test_bad_tags_store_nothing(bench, value, error):
    with pytest.raises(error):
        bench.run(put_object, {"Tagging": value}, body=body(b"x"))
    assert not bench.store.versions["bucket"]


@pytest.mark.parametrize("location", ["/other", "http://h/x", "https://h/" + "x" * 2038])
def test_a_redirect_is_kept_and_shown(bench, location):
    bench.run(put_object, {"WebsiteRedirectLocation": location}, body=body(b"x"))
    assert parse("HeadObject", bench.run(head_object))["WebsiteRedirectLocation"] == location


@pytest.mark.parametrize("location", ["other", "ftp://h/x", "/" + "x" * 2048])
def test_a_redirect_must_lead_somewhere(bench, location):
    with pytest.raises(S3Error) as caught:
        bench.run(put_object, {"WebsiteRedirectLocation": location}, body=body(b"x"))
    assert caught.value.code == "InvalidRedirectLocation"
    assert not bench.store.versions["bucket"]
