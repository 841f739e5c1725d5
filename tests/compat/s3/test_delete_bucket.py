"""DeleteBucket: only empty buckets go."""

from compat.answers import refused, status_of


def test_an_empty_bucket_goes(s3, bucket):
    assert status_of(s3.delete_bucket(Bucket=bucket)) == 204
    with refused("NoSuchBucket", 404):
        s3.list_objects_v2(Bucket=bucket)
    with refused("NoSuchBucket", 404):
        s3.delete_bucket(Bucket=bucket)


def test_objects_keep_their_bucket(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    with refused("BucketNotEmpty", 409):
        s3.delete_bucket(Bucket=bucket)
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"1"


def test_versions_and_delete_markers_keep_their_bucket(s3, versioned):
    version = s3.put_object(Bucket=versioned, Key="a", Body=b"1")["VersionId"]
    marker = s3.delete_object(Bucket=versioned, Key="a")["VersionId"]
    for version_id in (version, marker):
        with refused("BucketNotEmpty", 409):
            s3.delete_bucket(Bucket=versioned)
        s3.delete_object(Bucket=versioned, Key="a", VersionId=version_id)
    s3.delete_bucket(Bucket=versioned)


def test_a_name_can_be_used_again(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.delete_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=bucket)
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
