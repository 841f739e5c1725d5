"""GetObjectAcl: full control for the owner, of every version."""

from compat.answers import refused


def test_the_owner_has_full_control(s3, versioned):
    version = s3.put_object(Bucket=versioned, Key="a", Body=b"1")["VersionId"]
    for choice in ({}, {"VersionId": version}):
        answer = s3.get_object_acl(Bucket=versioned, Key="a", **choice)
        (grant,) = answer["Grants"]
        assert grant["Permission"] == "FULL_CONTROL"
        assert grant["Grantee"]["ID"] == answer["Owner"]["ID"]


def test_a_missing_object_is_404(s3, bucket):
    with refused("NoSuchKey", 404):
        s3.get_object_acl(Bucket=bucket, Key="missing")
