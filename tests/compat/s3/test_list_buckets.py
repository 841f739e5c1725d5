"""ListBuckets: names in order, by page and prefix."""

from compat.answers import refused


def test_buckets_come_in_order_with_their_owner(s3, make_name):
    names = sorted(make_name() for _ in range(3))
    for name in reversed(names):
        s3.create_bucket(Bucket=name)
    answer = s3.list_buckets()
    found = [row["Name"] for row in answer["Buckets"]]
    assert found == sorted(found)
    assert set(names) <= set(found)
    assert answer["Owner"]["ID"]
    assert all(row["CreationDate"].tzinfo for row in answer["Buckets"])


def test_pages_join_to_the_whole(s3, make_name):
    prefix = f"{make_name()}-page-"
    names = [f"{prefix}{number}" for number in range(5)]
    for name in names:
        s3.create_bucket(Bucket=name)
    pages = s3.get_paginator("list_buckets").paginate(
        Prefix=prefix, PaginationConfig={"PageSize": 2}
    )
    found = [[row["Name"] for row in page.get("Buckets", [])] for page in pages]
    assert [len(page) for page in found] == [2, 2, 1]
    assert sum(found, []) == names


def test_a_token_of_nowhere_is_refused(s3):
    with refused("InvalidArgument", 400):
        s3.list_buckets(ContinuationToken="made-up", MaxBuckets=1)
