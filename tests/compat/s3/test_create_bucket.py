"""CreateBucket: names, locations, and doing it again."""

import pytest

from compat.answers import headers_of, refused


def test_a_new_bucket_is_there(s3, make_name):
    name = make_name()
    answer = s3.create_bucket(Bucket=name)
    assert answer["Location"] == f"/{name}"
    assert s3.list_objects_v2(Bucket=name)["KeyCount"] == 0


def test_its_owner_may_create_it_again(s3, bucket):
    s3.put_object(Bucket=bucket, Key="kept", Body=b"1")
    s3.create_bucket(Bucket=bucket)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1


@pytest.mark.parametrize("name", ["UpperCase", "under_score", "ab", "a..b", "192.168.5.4", "xn--a"])
def test_names_that_aws_refuses_are_refused(s3, name):
    with refused("InvalidBucketName", 400):
        s3.create_bucket(Bucket=name)


def test_another_location_is_refused(s3, make_name):
    with refused("IllegalLocationConstraintException", 400):
        s3.create_bucket(
            Bucket=make_name(), CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )


def test_a_public_bucket_is_refused_and_a_private_one_is_not(s3, make_name):
    name = make_name()
    with refused("InvalidBucketAclWithObjectOwnership", 400):
        s3.create_bucket(Bucket=name, ACL="public-read")
    with refused("InvalidBucketAclWithObjectOwnership", 400):
        s3.create_bucket(Bucket=name, GrantRead="id=someone")
    assert headers_of(s3.create_bucket(Bucket=name, ACL="private"))["location"] == f"/{name}"
