"""DeleteObject: gone, or hidden behind a marker; a missing key is no error."""

from compat.answers import refused, sending, status_of


def test_an_object_is_gone_and_may_be_deleted_again(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    for _ in range(2):
        assert status_of(s3.delete_object(Bucket=bucket, Key="a")) == 204
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_with_versions_a_marker_hides_it_and_can_be_taken_away(s3, versioned):
    version = s3.put_object(Bucket=versioned, Key="a", Body=b"1")["VersionId"]
    answer = s3.delete_object(Bucket=versioned, Key="a")
    assert answer["DeleteMarker"] is True
    undone = s3.delete_object(Bucket=versioned, Key="a", VersionId=answer["VersionId"])
    assert (undone["DeleteMarker"], undone["VersionId"]) == (True, answer["VersionId"])
    assert s3.get_object(Bucket=versioned, Key="a")["VersionId"] == version
    s3.delete_object(Bucket=versioned, Key="a", VersionId=version)
    assert "Versions" not in s3.list_object_versions(Bucket=versioned)


def test_if_match_protects_what_changed(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="a", Body=b"1")["ETag"]
    s3.put_object(Bucket=bucket, Key="a", Body=b"2")
    with refused("PreconditionFailed", 412):
        s3.delete_object(Bucket=bucket, Key="a", IfMatch=etag)
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"2"
    s3.delete_object(Bucket=bucket, Key="a", IfMatch="*")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_missing_bucket_is_404(s3):
    with refused("NoSuchBucket", 404):
        s3.delete_object(Bucket="nobody-made-this", Key="a")


def test_if_none_match_spares_what_is_there(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    known = sending(s3, "DeleteObject", {"If-None-Match": "*"})
    with known, refused("PreconditionFailed", 412):
        s3.delete_object(Bucket=bucket, Key="a")
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"1"


def test_a_dated_delete_is_refused(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    date = "Fri, 03 Feb 2006 16:45:09 GMT"
    dated = sending(s3, "DeleteObject", {"If-Unmodified-Since": date})
    with dated, refused("NotImplemented", 501):
        s3.delete_object(Bucket=bucket, Key="a")
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"1"
