"""ListBucketIntelligentTieringConfigurations: what S3 answers for a bucket that never configured
it."""

from compat.answers import refused


def test_nothing_is_configured(s3, bucket):
    answer = s3.list_bucket_intelligent_tiering_configurations(Bucket=bucket)
    assert answer["IsTruncated"] is False
    assert "IntelligentTieringConfigurationList" not in answer


def test_a_missing_bucket_is_404(s3):
    with refused("NoSuchBucket", 404):
        s3.list_bucket_intelligent_tiering_configurations(Bucket="nobody-made-this")
