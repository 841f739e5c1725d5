"""Headers that ask for what is not there."""

import pytest

from atoll.s3.errors import S3Error
from atoll.s3.headers.unsupported import refuse_headers


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("x-amz-acl", "public-read", "AccessControlListNotSupported"),
        ("x-amz-acl", "nonsense", "InvalidArgument"),
        ("x-amz-grant-read", "id=1", "AccessControlListNotSupported"),
        ("x-amz-storage-class", "GLACIER", "InvalidStorageClass"),
        ("x-amz-server-side-encryption", "AES256", "NotImplemented"),
        ("x-amz-server-side-encryption-customer-key", "k", "NotImplemented"),
        ("x-amz-copy-source-server-side-encryption-customer-key", "k", "NotImplemented"),
        ("x-amz-object-lock-mode", "GOVERNANCE", "NotImplemented"),
        ("x-amz-object-lock-legal-hold", "ON", "NotImplemented"),
        ("x-amz-bucket-object-lock-enabled", "true", "NotImplemented"),
        ("x-amz-object-ownership", "ObjectWriter", "NotImplemented"),
        ("x-amz-object-ownership", "Nobody", "InvalidArgument"),
        ("x-amz-write-offset-bytes", "5", "NotImplemented"),
        ("x-amz-if-match-size", "5", "NotImplemented"),
        ("x-amz-checksum-sha512", "AA==", "NotImplemented"),
    ],
)
def test_wishes_beyond_this_version_are_refused(name, value, code):
    with pytest.raises(S3Error) as caught:
        refuse_headers([("host", "h"), (name, value)], "PutObject", is_read=False)
    assert caught.value.code == code


def test_headers_that_change_nothing_are_accepted():
    refuse_headers(
        [
            ("x-amz-acl", "private"),
            ("x-amz-acl", "bucket-owner-full-control"),
            ("x-amz-storage-class", "STANDARD"),
            ("x-amz-bucket-object-lock-enabled", "false"),
            ("x-amz-object-ownership", "BucketOwnerEnforced"),
            ("x-amz-request-payer", "requester"),
            ("x-amz-meta-x-amz-acl", "public-read"),
            ("x-amz-checksum-crc32", "AAAAAA=="),
        ],
        "PutObject",
        is_read=False,
    )


def test_only_reads_may_depend_on_a_date():
    pairs = [("if-unmodified-since", "Fri, 03 Feb 2006 16:45:09 GMT")]
    refuse_headers(pairs, "GetObject", is_read=True)
    with pytest.raises(S3Error) as caught:
        refuse_headers(pairs, "PutObject", is_read=False)
    assert caught.value.code == "NotImplemented"


@pytest.mark.parametrize(
    ("name", "value"), [("x-amz-acl", "public-read"), ("x-amz-grant-write", "id=1")]
)
def test_a_bucket_cannot_be_made_with_an_acl(name, value):
    with pytest.raises(S3Error) as caught:
        refuse_headers([(name, value)], "CreateBucket", is_read=False)
    assert caught.value.code == "InvalidBucketAclWithObjectOwnership"
