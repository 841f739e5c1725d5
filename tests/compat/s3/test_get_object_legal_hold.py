"""GetObjectLegalHold: no bucket has object lock, so no object shows one."""

from compat.answers import refused


def test_a_bucket_without_lock_says_so(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    with refused("InvalidRequest", 400):
        s3.get_object_legal_hold(Bucket=bucket, Key="a")


def test_a_missing_bucket_is_404(s3):
    with refused("NoSuchBucket", 404):
        s3.get_object_legal_hold(Bucket="nobody-made-this", Key="a")


def test_a_lock_cannot_be_asked_for(s3, bucket):
    with refused("NotImplemented", 501):
        s3.put_object(Bucket=bucket, Key="a", Body=b"1", ObjectLockLegalHoldStatus="ON")
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="a")
