"""PutBucketVersioning: from then on writes add versions; suspended, they replace the null one."""

from compat.answers import refused


def set_versioning(s3, bucket, status):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})


def test_writes_before_it_are_the_null_version(s3, bucket):
    assert "VersionId" not in s3.put_object(Bucket=bucket, Key="a", Body=b"old")
    set_versioning(s3, bucket, "Enabled")
    new = s3.put_object(Bucket=bucket, Key="a", Body=b"new")["VersionId"]
    assert new != "null"
    old = s3.get_object(Bucket=bucket, Key="a", VersionId="null")
    assert old["Body"].read() == b"old"


def test_suspended_writes_replace_only_the_null_version(s3, versioned):
    kept = s3.put_object(Bucket=versioned, Key="a", Body=b"kept")["VersionId"]
    set_versioning(s3, versioned, "Suspended")
    for body in (b"first", b"second"):
        s3.put_object(Bucket=versioned, Key="a", Body=body)
    rows = s3.list_object_versions(Bucket=versioned)["Versions"]
    assert [row["VersionId"] for row in rows] == ["null", kept]
    assert s3.get_object(Bucket=versioned, Key="a")["Body"].read() == b"second"


def test_other_words_and_mfa_delete_are_refused(s3, bucket):
    with refused("MalformedXML", 400):
        set_versioning(s3, bucket, "On")
    with refused("NotImplemented", 501):
        s3.put_bucket_versioning(
            Bucket=bucket, VersioningConfiguration={"Status": "Enabled", "MFADelete": "Enabled"}
        )
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
