"""ListObjectsV2: order, prefixes, delimiters, pages."""

import pytest
from botocore.config import Config

from compat.answers import refused

KEYS = ["a", "a/1", "a/2/x", "b//c", "b/c", "ü/1", "ü/2", "🙂"]


@pytest.fixture
def filled(s3, bucket):
    for key in reversed(KEYS):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    return bucket


def keys_of(answer):
    return [row["Key"] for row in answer.get("Contents", [])]


def prefixes_of(answer):
    return [row["Prefix"] for row in answer.get("CommonPrefixes", [])]


def test_keys_come_in_the_order_of_their_bytes(s3, filled):
    answer = s3.list_objects_v2(Bucket=filled)
    assert keys_of(answer) == KEYS
    assert (answer["KeyCount"], answer["IsTruncated"], answer["Name"]) == (8, False, filled)
    row = answer["Contents"][1]
    assert (row["Size"], row["StorageClass"]) == (3, "STANDARD")
    assert "Owner" not in row
    assert "Owner" in s3.list_objects_v2(Bucket=filled, FetchOwner=True)["Contents"][0]


def test_a_delimiter_makes_directories(s3, filled):
    answer = s3.list_objects_v2(Bucket=filled, Delimiter="/")
    assert (keys_of(answer), prefixes_of(answer)) == (["a", "🙂"], ["a/", "b/", "ü/"])
    assert answer["KeyCount"] == 5
    below = s3.list_objects_v2(Bucket=filled, Delimiter="/", Prefix="b/")
    assert (keys_of(below), prefixes_of(below)) == (["b/c"], ["b//"])


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_pages_join_to_the_whole(s3, filled, size):
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=filled, Delimiter="/", PaginationConfig={"PageSize": size}
    )
    found = []
    for page in pages:
        assert page["KeyCount"] <= size
        found += keys_of(page) + prefixes_of(page)
    assert sorted(found, key=str.encode) == ["a", "a/", "b/", "ü/", "🙂"]


def test_start_after_and_max_keys(s3, filled):
    answer = s3.list_objects_v2(Bucket=filled, StartAfter="b//c", MaxKeys=1)
    assert (keys_of(answer), answer["IsTruncated"]) == (["b/c"], True)
    none = s3.list_objects_v2(Bucket=filled, MaxKeys=0)
    assert (none["KeyCount"], none["IsTruncated"]) == (0, False)


def test_wrong_arguments_are_refused(s3, filled):
    with refused("InvalidArgument", 400):
        s3.list_objects_v2(Bucket=filled, ContinuationToken="made-up")
    with refused("InvalidArgument", 400):
        s3.list_objects_v2(Bucket=filled, MaxKeys=-1)
    with refused("NoSuchBucket", 404):
        s3.list_objects_v2(Bucket="nobody-made-this")


def test_old_signatures_are_understood(connect, bucket):
    old = connect(config=Config(signature_version="s3"))
    old.put_object(Bucket=bucket, Key="a b/ü+", Body=b"1")
    listed = old.list_objects_v2(Bucket=bucket, Prefix="a b")
    assert [row["Key"] for row in listed["Contents"]] == ["a b/ü+"]
    assert "LocationConstraint" in old.get_bucket_location(Bucket=bucket)
