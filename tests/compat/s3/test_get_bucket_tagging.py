"""GetBucketTagging: the set that was put, or its own 404."""

from compat.answers import refused


def test_a_bucket_without_tags_says_so(s3, bucket):
    with refused("NoSuchTagSet", 404):
        s3.get_bucket_tagging(Bucket=bucket)


def test_tags_come_back(s3, bucket):
    tags = [{"Key": "team", "Value": "storage"}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags


def test_a_missing_bucket_is_404(s3):
    with refused("NoSuchBucket", 404):
        s3.get_bucket_tagging(Bucket="nobody-made-this")
