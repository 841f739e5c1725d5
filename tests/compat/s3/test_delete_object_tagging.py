"""DeleteObjectTagging: removes the set and keeps the object."""

from compat.answers import refused, status_of


def test_tags_are_gone_and_the_object_stays(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"1", Tagging="team=storage")
    for _ in range(2):
        assert status_of(s3.delete_object_tagging(Bucket=bucket, Key="a")) == 204
    assert s3.get_object_tagging(Bucket=bucket, Key="a")["TagSet"] == []
    got = s3.get_object(Bucket=bucket, Key="a")
    assert got["Body"].read() == b"1"
    assert "TagCount" not in got


def test_a_missing_object_is_404(s3, bucket):
    with refused("NoSuchKey", 404):
        s3.delete_object_tagging(Bucket=bucket, Key="missing")
