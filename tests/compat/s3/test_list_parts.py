"""ListParts: what an open upload has, by pages."""

import pytest

from compat.answers import refused


@pytest.fixture
def upload(s3, bucket):
    target = {"Bucket": bucket, "Key": "a"}
    return {**target, "UploadId": s3.create_multipart_upload(**target)["UploadId"]}


def test_parts_come_by_number_with_size_and_etag(s3, upload):
    etags = {
        number: s3.upload_part(**upload, PartNumber=number, Body=b"x" * number)["ETag"]
        for number in (30, 1, 200)
    }
    answer = s3.list_parts(**upload)
    rows = [(row["PartNumber"], row["Size"], row["ETag"]) for row in answer["Parts"]]
    assert rows == [(number, number, etags[number]) for number in (1, 30, 200)]
    assert (answer["StorageClass"], answer["IsTruncated"]) == ("STANDARD", False)
    assert answer["Initiator"]["ID"] == answer["Owner"]["ID"]


def test_pages_join_to_the_whole(s3, upload):
    for number in range(1, 6):
        s3.upload_part(**upload, PartNumber=number, Body=b"1")
    pages = s3.get_paginator("list_parts").paginate(**upload, PaginationConfig={"PageSize": 2})
    found = [[row["PartNumber"] for row in page["Parts"]] for page in pages]
    assert found == [[1, 2], [3, 4], [5]]


def test_an_unknown_upload_is_404(s3, upload):
    with refused("NoSuchUpload", 404):
        s3.list_parts(**{**upload, "UploadId": "made-up"})
