"""CopyObject: bytes and metadata, or new metadata, under conditions on the source."""

import pytest

from compat.answers import refused, sending


@pytest.fixture
def source(s3, bucket):
    s3.put_object(
        Bucket=bucket,
        Key="from/ü +%",
        Body=b"content",
        ContentType="text/plain",
        Metadata={"colour": "blue"},
        Tagging="team=storage",
    )
    return {"Bucket": bucket, "Key": "from/ü +%"}


def test_a_copy_has_content_metadata_and_tags(s3, bucket, source):
    copied = s3.copy_object(Bucket=bucket, Key="to", CopySource=source)["CopyObjectResult"]
    got = s3.get_object(Bucket=bucket, Key="to")
    assert got["Body"].read() == b"content"
    assert (got["ContentType"], got["Metadata"]) == ("text/plain", {"colour": "blue"})
    assert (got["ETag"], got["TagCount"]) == (copied["ETag"], 1)


def test_directives_replace(s3, bucket, source):
    s3.copy_object(
        Bucket=bucket,
        Key="to",
        CopySource=source,
        MetadataDirective="REPLACE",
        Metadata={"colour": "red"},
        ContentType="text/html",
        TaggingDirective="REPLACE",
        Tagging="a=1&b=2",
    )
    got = s3.get_object(Bucket=bucket, Key="to")
    assert (got["ContentType"], got["Metadata"]) == ("text/html", {"colour": "red"})
    assert got["TagCount"] == 2


def test_onto_itself_something_must_change(s3, bucket, source):
    with refused("InvalidRequest", 400):
        s3.copy_object(Bucket=bucket, Key=source["Key"], CopySource=source)
    s3.copy_object(Bucket=bucket, Key=source["Key"], CopySource=source, StorageClass="STANDARD")
    assert s3.head_object(Bucket=bucket, Key=source["Key"])["Metadata"] == {"colour": "blue"}
    s3.copy_object(
        Bucket=bucket,
        Key=source["Key"],
        CopySource=source,
        MetadataDirective="REPLACE",
        Metadata={"x": "1"},
    )
    assert s3.head_object(Bucket=bucket, Key=source["Key"])["Metadata"] == {"x": "1"}


def test_conditions_on_the_source(s3, bucket, source):
    etag = s3.head_object(**source)["ETag"]
    s3.copy_object(Bucket=bucket, Key="to", CopySource=source, CopySourceIfMatch=etag)
    with refused("PreconditionFailed", 412):
        s3.copy_object(Bucket=bucket, Key="to", CopySource=source, CopySourceIfNoneMatch=etag)
    with refused("PreconditionFailed", 412):
        s3.copy_object(Bucket=bucket, Key="to", CopySource=source, IfNoneMatch="*")


def test_a_version_can_be_the_source(s3, versioned):
    old = s3.put_object(Bucket=versioned, Key="a", Body=b"old")["VersionId"]
    s3.put_object(Bucket=versioned, Key="a", Body=b"new")
    answer = s3.copy_object(
        Bucket=versioned,
        Key="a",
        CopySource={"Bucket": versioned, "Key": "a", "VersionId": old},
        MetadataDirective="REPLACE",
    )
    assert answer["CopySourceVersionId"] == old
    assert s3.get_object(Bucket=versioned, Key="a")["Body"].read() == b"old"


def test_a_missing_source_is_404(s3, bucket):
    with refused("NoSuchKey", 404):
        s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "missing"})
    with refused("NoSuchBucket", 404):
        s3.copy_object(Bucket=bucket, Key="to", CopySource="nobody-made-this/a")


def test_a_redirect_stays_with_its_object(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"1", WebsiteRedirectLocation="/b")
    assert s3.head_object(Bucket=bucket, Key="a")["WebsiteRedirectLocation"] == "/b"
    source = {"Bucket": bucket, "Key": "a"}
    s3.copy_object(Bucket=bucket, Key="c", CopySource=source)
    assert "WebsiteRedirectLocation" not in s3.head_object(Bucket=bucket, Key="c")
    s3.copy_object(Bucket=bucket, Key="c", CopySource=source, WebsiteRedirectLocation="/d")
    assert s3.get_object(Bucket=bucket, Key="c")["WebsiteRedirectLocation"] == "/d"
    with refused("InvalidRedirectLocation", 400):
        s3.put_object(Bucket=bucket, Key="a", Body=b"1", WebsiteRedirectLocation="b")


def test_a_plus_in_the_header_is_a_space_and_an_escaped_one_a_plus(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a b", Body=b"space")
    s3.put_object(Bucket=bucket, Key="a+b", Body=b"plus")
    for key, sent in (("from space", "a+b"), ("from plus", "a%2Bb")):
        # boto3 would escape what is not its own.
        with sending(s3, "CopyObject", {"x-amz-copy-source": f"{bucket}/{sent}"}):
            s3.copy_object(Bucket=bucket, Key=key, CopySource=f"{bucket}/{key}")
    assert s3.get_object(Bucket=bucket, Key="from space")["Body"].read() == b"space"
    assert s3.get_object(Bucket=bucket, Key="from plus")["Body"].read() == b"plus"
