"""PutObjectAcl: what holds may be confirmed; nothing else is accepted."""

from compat.answers import refused


def test_private_may_be_confirmed(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    s3.put_object_acl(Bucket=bucket, Key="a", ACL="private")
    assert len(s3.get_object_acl(Bucket=bucket, Key="a")["Grants"]) == 1


def test_a_wider_acl_is_refused(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    with refused("AccessControlListNotSupported", 400):
        s3.put_object_acl(Bucket=bucket, Key="a", ACL="public-read")


def test_a_missing_object_is_404(s3, bucket):
    with refused("NoSuchKey", 404):
        s3.put_object_acl(Bucket=bucket, Key="missing", ACL="private")
