"""PutObjectTagging: replaces the set of one version, and nothing else of it."""

from compat.answers import refused


def tag_set(**tags):
    return {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}


def test_a_set_replaces_the_one_before(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="a", Body=b"1", Tagging="old=1")["ETag"]
    s3.put_object_tagging(Bucket=bucket, Key="a", Tagging=tag_set(new="2", other="ü/+"))
    assert (
        s3.get_object_tagging(Bucket=bucket, Key="a")["TagSet"]
        == tag_set(new="2", other="ü/+")["TagSet"]
    )
    head = s3.get_object(Bucket=bucket, Key="a")
    assert (head["ETag"], head["TagCount"]) == (etag, 2)


def test_one_version_is_tagged(s3, versioned):
    old = s3.put_object(Bucket=versioned, Key="a", Body=b"1")["VersionId"]
    s3.put_object(Bucket=versioned, Key="a", Body=b"2")
    s3.put_object_tagging(Bucket=versioned, Key="a", VersionId=old, Tagging=tag_set(a="1"))
    assert s3.get_object_tagging(Bucket=versioned, Key="a")["TagSet"] == []
    assert len(s3.get_object_tagging(Bucket=versioned, Key="a", VersionId=old)["TagSet"]) == 1


def test_sets_outside_the_rules_are_refused(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    eleven = {f"k{number}": "v" for number in range(11)}
    with refused("BadRequest", 400):
        s3.put_object_tagging(Bucket=bucket, Key="a", Tagging=tag_set(**eleven))
    with refused("InvalidTag", 400):
        s3.put_object_tagging(Bucket=bucket, Key="a", Tagging=tag_set(**{"k" * 129: "v"}))


def test_a_missing_object_is_404(s3, bucket):
    with refused("NoSuchKey", 404):
        s3.put_object_tagging(Bucket=bucket, Key="missing", Tagging=tag_set(a="1"))
