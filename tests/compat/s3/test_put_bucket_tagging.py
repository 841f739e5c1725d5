"""PutBucketTagging: replaces the whole set."""

from compat.answers import refused


def test_a_set_replaces_the_one_before(s3, bucket):
    for tags in (
        [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}],
        [{"Key": "ü", "Value": "+ /"}],
    ):
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
        assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags


def test_the_same_key_twice_is_refused(s3, bucket):
    twice = [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]
    with refused("InvalidTag", 400):
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": twice})
    with refused("NoSuchTagSet", 404):
        s3.get_bucket_tagging(Bucket=bucket)


def test_a_missing_bucket_is_404(s3):
    with refused("NoSuchBucket", 404):
        s3.put_bucket_tagging(Bucket="nobody-made-this", Tagging={"TagSet": []})
