"""UploadPart: any number, any order, the last one of a number counts."""

import hashlib
from base64 import b64encode
from hashlib import sha256

import pytest
from botocore.config import Config

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


def test_a_part_has_the_checksum_its_upload_began_with(s3, connect, bucket):
    target = {"Bucket": bucket, "Key": "b"}
    upload = s3.create_multipart_upload(**target, ChecksumAlgorithm="SHA256")["UploadId"]
    target |= {"UploadId": upload, "PartNumber": 1, "Body": b"1"}
    with refused("InvalidRequest", 400):
        s3.upload_part(**target, ChecksumAlgorithm="CRC32")
    plain = connect(config=Config(request_checksum_calculation="when_required"))
    with refused("InvalidRequest", 400):
        plain.upload_part(**target)
    part = s3.upload_part(**target, ChecksumAlgorithm="SHA256")
    assert part["ChecksumSHA256"] == b64encode(sha256(b"1").digest()).decode()


def test_a_part_of_a_full_object_checksum_may_come_without_one(connect, bucket):
    plain = connect(config=Config(request_checksum_calculation="when_required"))
    kind = {"ChecksumAlgorithm": "CRC32", "ChecksumType": "FULL_OBJECT"}
    target = {"Bucket": bucket, "Key": "b"}
    target["UploadId"] = plain.create_multipart_upload(**target, **kind)["UploadId"]
    part = plain.upload_part(**target, PartNumber=1, Body=b"hello")
    assert part["ChecksumCRC32"] == "NhCmhg=="


def test_an_unknown_upload_is_404(s3, upload):
    with refused("NoSuchUpload", 404):
        s3.upload_part(**{**upload, "UploadId": "made-up"}, PartNumber=1, Body=b"1")
