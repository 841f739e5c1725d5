"""GetBucketNotificationConfiguration: what S3 answers for a bucket that never configured it."""

from compat.answers import refused


def test_nothing_is_configured(s3, bucket):
    answer = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert set(answer) == {"ResponseMetadata"}


def test_a_missing_bucket_is_404(s3):
    with refused("NoSuchBucket", 404):
        s3.get_bucket_notification_configuration(Bucket="nobody-made-this")


def test_configuring_it_is_refused_and_changes_nothing(s3, bucket):
    with refused("NotImplemented", 501):
        s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
    answer = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert set(answer) == {"ResponseMetadata"}
