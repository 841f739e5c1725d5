"""UploadPart: any number, any order, the last one of a number counts."""

import hashlib

import pytest

from compat.answers import refused


@pytest.fixture
def upload(s3, bucket):
    target = {"Bucket": bucket, "Key": "a"}
    return {**target, "UploadId": s3.create_multipart_upload(**target)["UploadId"]}


def test_a_part_has_the_md5_of_its_bytes(s3, upload):
    answer = s3.upload_part(**upload, PartNumber=10_000, Body=b"part")
    assert answer["ETag"] == f'"{hashlib.md5(b"part").hexdigest()}"'


def test_a_part_can_be_sent_again(s3, upload):
    s3.upload_part(**upload, PartNumber=1, Body=b"first")
    etag = s3.upload_part(**upload, PartNumber=1, Body=b"second")["ETag"]
    s3.complete_multipart_upload(
        **upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]}
    )
    got = s3.get_object(Bucket=upload["Bucket"], Key="a")
    assert got["Body"].read() == b"second"


@pytest.mark.parametrize("number", [0, 10_001])
def test_numbers_outside_are_refused(s3, upload, number):
    with refused("InvalidArgument", 400):
        s3.upload_part(**upload, PartNumber=number, Body=b"1")


def test_a_wrong_checksum_stores_no_part(s3, upload):
    with refused("BadDigest", 400):
        s3.upload_part(**upload, PartNumber=1, Body=b"1", ChecksumCRC32="AAAAAA==")
    assert "Parts" not in s3.list_parts(**upload)


def test_an_unknown_upload_is_404(s3, upload):
    with refused("NoSuchUpload", 404):
        s3.upload_part(**{**upload, "UploadId": "made-up"}, PartNumber=1, Body=b"1")
