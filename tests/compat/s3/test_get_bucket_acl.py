"""GetBucketAcl: full control for the owner, and nobody else."""

from compat.answers import refused


def test_the_owner_has_full_control(s3, bucket):
    answer = s3.get_bucket_acl(Bucket=bucket)
    (grant,) = answer["Grants"]
    assert grant["Permission"] == "FULL_CONTROL"
    assert grant["Grantee"]["Type"] == "CanonicalUser"
    assert grant["Grantee"]["ID"] == answer["Owner"]["ID"]


def test_a_missing_bucket_is_404(s3):
    with refused("NoSuchBucket", 404):
        s3.get_bucket_acl(Bucket="nobody-made-this")
