"""GetBucketVersioning: nothing, Enabled or Suspended."""

from compat.answers import refused


def test_a_new_bucket_says_nothing(s3, bucket):
    answer = s3.get_bucket_versioning(Bucket=bucket)
    assert "Status" not in answer
    assert "MFADelete" not in answer


def test_it_says_what_was_put_last(s3, bucket):
    for status in ("Enabled", "Suspended", "Enabled"):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == status


def test_a_missing_bucket_is_404(s3):
    with refused("NoSuchBucket", 404):
        s3.get_bucket_versioning(Bucket="nobody-made-this")
