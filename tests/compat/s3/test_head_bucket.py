"""HeadBucket: a cheap question with a status as answer."""

from compat.answers import headers_of, refused


def test_an_existing_bucket_names_its_region(s3, bucket):
    assert headers_of(s3.head_bucket(Bucket=bucket))["x-amz-bucket-region"] == "us-east-1"


def test_a_missing_bucket_is_404(s3):
    with refused("404", 404):
        s3.head_bucket(Bucket="nobody-made-this")


def test_another_owner_is_403(s3, bucket):
    with refused("403", 403):
        s3.head_bucket(Bucket=bucket, ExpectedBucketOwner="111122223333")


def test_a_client_with_another_region_finds_the_way(connect, s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    # The refusal of a HEAD has no document, so a header names the region to sign for.
    assert (
        connect(region_name="eu-west-1").head_object(Bucket=bucket, Key="a")["ContentLength"] == 1
    )
