"""GetBucketPolicy: what S3 answers for a bucket that never configured it."""

from compat.answers import refused


def test_nothing_is_configured(s3, bucket):
    with refused("NoSuchBucketPolicy", 404):
        s3.get_bucket_policy(Bucket=bucket)


def test_a_missing_bucket_is_404(s3):
    with refused("NoSuchBucket", 404):
        s3.get_bucket_policy(Bucket="nobody-made-this")


def test_configuring_it_is_refused_and_changes_nothing(s3, bucket):
    with refused("NotImplemented", 501):
        s3.put_bucket_policy(Bucket=bucket, Policy="{}")
    with refused("NoSuchBucketPolicy", 404):
        s3.get_bucket_policy(Bucket=bucket)
