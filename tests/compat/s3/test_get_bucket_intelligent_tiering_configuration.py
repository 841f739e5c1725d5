"""GetBucketIntelligentTieringConfiguration: what S3 answers for a bucket that never configured
it."""

from compat.answers import refused


def test_nothing_is_configured(s3, bucket):
    with refused("NoSuchConfiguration", 404):
        s3.get_bucket_intelligent_tiering_configuration(Bucket=bucket, Id="daily")


def test_a_missing_bucket_is_404(s3):
    with refused("NoSuchBucket", 404):
        s3.get_bucket_intelligent_tiering_configuration(Bucket="nobody-made-this", Id="daily")
