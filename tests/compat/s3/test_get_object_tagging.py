"""GetObjectTagging: the set, empty where none was put."""

from compat.answers import refused


def test_no_tags_are_an_empty_set(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    assert s3.get_object_tagging(Bucket=bucket, Key="a")["TagSet"] == []


def test_tags_of_the_header_come_back(s3, versioned):
    put = s3.put_object(Bucket=versioned, Key="a", Body=b"1", Tagging="team=storage&x=%C3%BC%20+")
    answer = s3.get_object_tagging(Bucket=versioned, Key="a")
    assert answer["TagSet"] == [
        {"Key": "team", "Value": "storage"},
        {"Key": "x", "Value": "ü  "},
    ]
    assert answer["VersionId"] == put["VersionId"]


def test_what_is_missing_is_404(s3, bucket):
    with refused("NoSuchKey", 404):
        s3.get_object_tagging(Bucket=bucket, Key="missing")
    with refused("NoSuchBucket", 404):
        s3.get_object_tagging(Bucket="nobody-made-this", Key="a")
