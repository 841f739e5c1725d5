"""Where members travel: headers, query, documents, and back."""

from datetime import UTC, datetime

import pytest

from atoll.base.errors import InvalidArgument
from atoll.http.messages import Headers
from atoll.s3.errors import S3Error
from atoll.s3.protocol.binding import (
    merge_hoisted,
    parse_input,
    parse_payload,
    render_body,
    render_headers,
)
from fakes.s3_front import service_model

NO_HEADERS = Headers([])


def operation(name: str):
    return service_model().operations[name]


def test_members_are_read_from_query_and_headers_by_kind():
    values = parse_input(
        operation("GetObject"),
        {"versionId": "v", "partNumber": "7", "response-expires": "soon", "other": "x"},
        Headers([("if-match", '"e"'), ("if-modified-since", "Fri, 03 Feb 2006 16:45:09 GMT")]),
    )
    assert values == {
        "VersionId": "v",
        "PartNumber": 7,
        "ResponseExpires": "soon",
        "IfMatch": '"e"',
        "IfModifiedSince": datetime(2006, 2, 3, 16, 45, 9, tzinfo=UTC),
    }


def test_metadata_keeps_its_names_and_joins_repetitions():
    headers = Headers(
        [("x-amz-meta-a", "1"), ("expires", "never"), ("x-amz-meta-b", ""), ("x-amz-meta-a", "2")]
    )
    values = parse_input(operation("PutObject"), {}, headers)
    assert values == {"Expires": "never", "Metadata": {"a": "1,2", "b": ""}}


def test_metadata_without_a_name_is_refused():
    with pytest.raises(InvalidArgument):
        parse_input(operation("PutObject"), {}, Headers([("x-amz-meta-", "1")]))


def test_lists_in_headers_are_split_and_continued():
    headers = Headers(
        [("x-amz-object-attributes", "ETag, ObjectSize"), ("x-amz-object-attributes", "Checksum")]
    )
    values = parse_input(operation("GetObjectAttributes"), {}, headers)
    assert values == {"ObjectAttributes": ["ETag", "ObjectSize", "Checksum"]}


def test_an_empty_number_is_not_given_and_a_wrong_one_is_refused():
    assert parse_input(operation("ListObjects"), {"max-keys": ""}, NO_HEADERS) == {}
    with pytest.raises(S3Error) as caught:
        parse_input(operation("ListObjects"), {"max-keys": "ten"}, NO_HEADERS)
    assert caught.value.fields == {"argument": "max-keys", "found": "ten"}


def test_a_conditional_date_that_is_none_is_ignored_and_others_are_refused():
    headers = Headers([("if-unmodified-since", "yesterday")])
    assert parse_input(operation("GetObject"), {}, headers) == {}
    with pytest.raises(S3Error):
        parse_input(
            operation("PutObject"), {}, Headers([("x-amz-object-lock-retain-until-date", "soon")])
        )


def test_lines_of_one_list_are_one_list():
    sent = [("content-encoding", "aws-chunked"), ("content-encoding", "gzip"), ("etag", "a")]
    values = parse_input(operation("PutObject"), {}, Headers(sent))
    assert values == {"ContentEncoding": "aws-chunked,gzip"}
    twice = Headers([("x-amz-acl", "private"), ("x-amz-acl", "public-read")])
    assert parse_input(operation("PutObject"), {}, twice) == {"ACL": "private"}


@pytest.mark.parametrize("name", ["PutObject", "CreateMultipartUpload", "ListObjectsV2"])
def test_a_version_is_not_named_to_an_operation_that_knows_none(name):
    with pytest.raises(InvalidArgument):
        parse_input(operation(name), {"versionId": "v"}, NO_HEADERS)


def test_headers_in_a_presigned_query_count_as_headers():
    headers = Headers([("x-amz-acl", "private")])
    query = {
        "X-Amz-Signature": "s",
        "X-Amz-Algorithm": "a",
        "x-amz-acl": "public-read",
        "X-Amz-Meta-Who": "me",
        "prefix": "p",
    }
    merged = merge_hoisted(headers, query)
    assert merged.pairs == [
        ("x-amz-acl", "private"),
        ("x-amz-acl", "public-read"),
        ("x-amz-meta-who", "me"),
    ]
    assert merge_hoisted(headers, {"X-Amz-Signature": "s", "acl": ""}) is headers


def test_only_a_query_that_is_signed_can_carry_headers():
    # Version 2 in the header signs no parameter: whoever stands on the way could add one.
    headers = Headers([])
    query = {"x-amz-copy-source": "/other/secret"}
    assert merge_hoisted(headers, query) is headers
    for proof in ("X-Amz-Signature", "Signature"):
        merged = merge_hoisted(headers, {**query, proof: "s"})
        assert merged.get("x-amz-copy-source") == "/other/secret"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-amz-meta-a", "b\r\nSet-Cookie: c"),
        ("x-amz-meta-a", "b\nc"),
        ("x-amz-meta-a", "b\0"),
        ("x-amz-meta-a", "\x7f"),
        ("x-amz-meta-a\r\nSet-Cookie", "c"),
        ("x-amz-meta-a b", "c"),
        ("x-amz-meta-a:", "c"),
        ("x-amz-meta-\u20ac", "c"),
    ],
)
def test_a_presigned_query_cannot_carry_what_is_no_header(name, value):
    with pytest.raises(InvalidArgument):
        merge_hoisted(Headers([]), {"X-Amz-Signature": "s", name: value})


def test_a_document_is_its_payload_member():
    document = b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
    assert parse_payload(operation("PutBucketTagging"), document) == {
        "Tagging": {"TagSet": [{"Key": "a", "Value": "b"}]}
    }
    assert parse_payload(operation("CreateBucket"), b"") == {}
    assert parse_payload(operation("PutBucketPolicy"), b"{}") == {"Policy": b"{}"}
    with pytest.raises(S3Error) as caught:
        parse_payload(operation("PutBucketTagging"), b"")
    assert caught.value.code == "MissingRequestBodyError"


def test_output_members_become_headers():
    when = datetime(2006, 2, 3, 16, 45, 9, tzinfo=UTC)
    headers = render_headers(
        operation("GetObject"),
        {
            "ETag": '"e"',
            "LastModified": when,
            "ContentLength": 5,
            "DeleteMarker": True,
            "VersionId": None,
            "Metadata": {"a": "1"},
            "TagCount": 2,
            "ObjectLockRetainUntilDate": when,
        },
    )
    assert headers == [
        ("etag", '"e"'),
        ("last-modified", "Fri, 03 Feb 2006 16:45:09 GMT"),
        ("x-amz-delete-marker", "true"),
        ("x-amz-meta-a", "1"),
        ("x-amz-tagging-count", "2"),
        ("x-amz-object-lock-retain-until-date", "2006-02-03T16:45:09.000Z"),
    ]


def test_bodies_follow_the_output_shape():
    assert render_body(operation("PutBucketTagging"), {}) == b""
    assert render_body(operation("CreateBucket"), {"Location": "/b"}) == b""
    assert render_body(operation("GetBucketPolicy"), {"Policy": "{}"}) == b"{}"
    body = render_body(
        operation("CopyObject"), {"CopyObjectResult": {"ETag": "e"}, "VersionId": "v"}
    )
    assert body.endswith(
        b'<CopyObjectResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><ETag>e</ETag>'
        b"</CopyObjectResult>"
    )


def test_a_number_that_is_none_is_named_in_s3s_words():
    with pytest.raises(S3Error) as caught:
        parse_input(operation("ListObjects"), {"max-keys": "abc"}, NO_HEADERS)
    assert caught.value.message == "Provided max-keys not an integer or within integer range"
