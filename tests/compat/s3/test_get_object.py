"""GetObject: content, ranges, conditions, overrides, versions."""

import pytest
from botocore.exceptions import ClientError

from compat.answers import headers_of, refused, status_of

BODY = b"0123456789"


@pytest.fixture
def key(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=BODY, ContentType="text/plain")
    return "a"


@pytest.mark.parametrize(
    ("wish", "content", "shown"),
    [
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-2", b"89", "bytes 8-9/10"),
        ("bytes=8-100", b"89", "bytes 8-9/10"),
        ("bytes=-100", BODY, "bytes 0-9/10"),
    ],
)
def test_a_range_is_that_range(s3, bucket, key, wish, content, shown):
    answer = s3.get_object(Bucket=bucket, Key=key, Range=wish)
    assert status_of(answer) == 206
    assert answer["ContentRange"] == shown
    assert answer["Body"].read() == content


def test_a_range_outside_is_refused(s3, bucket, key):
    with refused("InvalidRange", 416):
        s3.get_object(Bucket=bucket, Key=key, Range="bytes=10-")
    answer = s3.get_object(Bucket=bucket, Key=key, Range="bytes=0-1,4-5")
    assert (status_of(answer), answer["Body"].read()) == (200, BODY)


def test_conditions_decide(s3, bucket, key):
    head = s3.head_object(Bucket=bucket, Key=key)
    for kept in (
        {"IfMatch": head["ETag"]},
        {"IfModifiedSince": "2000-01-01"},
        {"IfNoneMatch": '"x"'},
    ):
        assert s3.get_object(Bucket=bucket, Key=key, **kept)["Body"].read() == BODY
    for condition in ({"IfNoneMatch": head["ETag"]}, {"IfModifiedSince": head["LastModified"]}):
        with refused("304", 304):
            s3.get_object(Bucket=bucket, Key=key, **condition)
    for condition in ({"IfMatch": '"x"'}, {"IfUnmodifiedSince": "2000-01-01"}):
        with refused("PreconditionFailed", 412):
            s3.get_object(Bucket=bucket, Key=key, **condition)


def test_headers_of_the_answer_can_be_chosen(s3, bucket, key):
    answer = s3.get_object(
        Bucket=bucket,
        Key=key,
        ResponseContentType="application/x-other",
        ResponseContentDisposition='attachment; filename="b"',
        ResponseCacheControl="no-store",
    )
    assert answer["ContentType"] == "application/x-other"
    assert answer["ContentDisposition"] == 'attachment; filename="b"'
    assert headers_of(answer)["cache-control"] == "no-store"


def test_versions_and_delete_markers(s3, versioned):
    first, second = (
        s3.put_object(Bucket=versioned, Key="a", Body=body)["VersionId"] for body in (b"1", b"2")
    )
    marker = s3.delete_object(Bucket=versioned, Key="a")["VersionId"]
    for version, content in ((first, b"1"), (second, b"2")):
        answer = s3.get_object(Bucket=versioned, Key="a", VersionId=version)
        assert (answer["Body"].read(), answer["VersionId"]) == (content, version)
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=versioned, Key="a")
    with refused("MethodNotAllowed", 405):
        s3.get_object(Bucket=versioned, Key="a", VersionId=marker)
    with refused("NoSuchVersion", 404):
        s3.get_object(Bucket=versioned, Key="a", VersionId=marker[::-1])
    with refused("InvalidArgument", 400):
        s3.get_object(Bucket=versioned, Key="a", VersionId="abc")


def test_what_is_missing_is_404(s3, bucket):
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=bucket, Key="missing")
    with refused("NoSuchBucket", 404):
        s3.get_object(Bucket="nobody-made-this", Key="a")


def test_a_part_that_is_not_there_is_told_with_their_number(s3, bucket, key):
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket=bucket, Key=key, PartNumber=2)
    error = caught.value.response["Error"]
    assert error["Code"] == "InvalidPartNumber"
    assert (error["PartNumberRequested"], error["ActualPartCount"]) == ("2", "1")


def test_an_unmodified_answer_renews_what_caches_keep(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="a", Body=b"1", CacheControl="max-age=60")["ETag"]
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket=bucket, Key="a", IfNoneMatch=etag)
    answer = caught.value.response["ResponseMetadata"]
    assert answer["HTTPStatusCode"] == 304
    assert answer["HTTPHeaders"]["etag"] == etag
    assert answer["HTTPHeaders"]["cache-control"] == "max-age=60"
