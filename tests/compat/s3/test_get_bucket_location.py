"""GetBucketLocation: the empty location of us-east-1."""

from compat.answers import refused


def test_us_east_1_has_no_location(s3, bucket):
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None


def test_a_missing_bucket_has_none(s3):
    with refused("NoSuchBucket", 404):
        s3.get_bucket_location(Bucket="nobody-made-this")
