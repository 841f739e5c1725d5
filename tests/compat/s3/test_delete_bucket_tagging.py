"""DeleteBucketTagging: removes the set; doing it again is no error."""

from compat.answers import refused, status_of


def test_tags_are_gone(s3, bucket):
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    for _ in range(2):
        assert status_of(s3.delete_bucket_tagging(Bucket=bucket)) == 204
    with refused("NoSuchTagSet", 404):
        s3.get_bucket_tagging(Bucket=bucket)


def test_a_missing_bucket_is_404(s3):
    with refused("NoSuchBucket", 404):
        s3.delete_bucket_tagging(Bucket="nobody-made-this")
