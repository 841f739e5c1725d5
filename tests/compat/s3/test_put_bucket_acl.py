"""PutBucketAcl: what holds may be confirmed; nothing else is accepted."""

from compat.answers import refused


def test_private_may_be_confirmed(s3, bucket):
    s3.put_bucket_acl(Bucket=bucket, ACL="private")
    shown = s3.get_bucket_acl(Bucket=bucket)
    policy = {"Owner": shown["Owner"], "Grants": shown["Grants"]}
    s3.put_bucket_acl(Bucket=bucket, AccessControlPolicy=policy)
    assert s3.get_bucket_acl(Bucket=bucket)["Grants"] == shown["Grants"]


def test_a_wider_acl_is_refused(s3, bucket):
    with refused("AccessControlListNotSupported", 400):
        s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    with refused("AccessControlListNotSupported", 400):
        s3.put_bucket_acl(
            Bucket=bucket, GrantRead="uri=http://acs.amazonaws.com/groups/global/AllUsers"
        )


def test_an_acl_without_an_owner_is_malformed(s3, bucket):
    grants = s3.get_bucket_acl(Bucket=bucket)["Grants"]
    with refused("MalformedACLError", 400):
        s3.put_bucket_acl(Bucket=bucket, AccessControlPolicy={"Grants": grants})


def test_a_missing_bucket_is_404(s3):
    with refused("NoSuchBucket", 404):
        s3.put_bucket_acl(Bucket="nobody-made-this", ACL="private")
