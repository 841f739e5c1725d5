"""CompleteMultipartUpload: the parts named, in order, become the object at once."""

import hashlib
from base64 import b64encode

import pytest
from awscrt.checksums import crc64nvme
from botocore.config import Config

from compat.answers import refused

PART = 5 * 2**20


@pytest.fixture
def upload(s3, bucket):
    target = {"Bucket": bucket, "Key": "a"}
    return {**target, "UploadId": s3.create_multipart_upload(**target)["UploadId"]}


def send(s3, upload, number, body):
    return {
        "PartNumber": number,
        "ETag": s3.upload_part(**upload, PartNumber=number, Body=body)["ETag"],
    }


def complete(s3, upload, parts, **conditions):
    return s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **conditions)


def test_parts_in_order_of_their_numbers(s3, upload):
    bodies = {7: b"7" * PART, 2: b"2" * PART, 9: b"the end"}
    sent = {number: send(s3, upload, number, body) for number, body in bodies.items()}
    answer = complete(s3, upload, [sent[number] for number in sorted(sent)])
    digests = b"".join(hashlib.md5(bodies[number]).digest() for number in sorted(bodies))
    assert answer["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-3"'
    got = s3.get_object(Bucket=upload["Bucket"], Key="a")
    assert got["Body"].read() == bodies[2] + bodies[7] + bodies[9]


def test_a_retry_gets_the_same_answer(s3, upload):
    parts = [send(s3, upload, 1, b"1")]
    first = complete(s3, upload, parts)
    again = complete(s3, upload, parts)
    assert (again["ETag"], again["Key"]) == (first["ETag"], "a")


def test_wrong_lists_are_refused_and_the_upload_stays(s3, upload):
    first, second = send(s3, upload, 1, b"small"), send(s3, upload, 2, b"last")
    with refused("EntityTooSmall", 400):
        complete(s3, upload, [first, second])
    with refused("InvalidPartOrder", 400):
        complete(s3, upload, [second, first])
    with refused("InvalidPart", 400):
        complete(s3, upload, [{**first, "ETag": second["ETag"]}])
    with refused("InvalidPart", 400):
        complete(s3, upload, [{**first, "PartNumber": 3}])
    assert complete(s3, upload, [first])["ETag"].endswith('-1"')


def test_a_retry_with_another_list_came_too_late(s3, upload):
    first, second = send(s3, upload, 1, b"1"), send(s3, upload, 2, b"2")
    complete(s3, upload, [first])
    with refused("NoSuchUpload", 404):
        complete(s3, upload, [second])
    assert s3.get_object(Bucket=upload["Bucket"], Key="a")["Body"].read() == b"1"


def test_promises_about_the_whole(s3, upload):
    parts = [send(s3, upload, 1, b"hello")]
    with refused("InvalidRequest", 400):
        complete(s3, upload, parts, MpuObjectSize=6)
    with refused("BadDigest", 400):
        complete(s3, upload, parts, ChecksumCRC32="AAAAAA==", ChecksumType="FULL_OBJECT")
    promise = {"ChecksumCRC32": "NhCmhg==", "ChecksumType": "FULL_OBJECT", "MpuObjectSize": 5}
    assert complete(s3, upload, parts, **promise)["ChecksumCRC32"] == "NhCmhg=="


def test_parts_without_checksums_make_an_object_with_one(connect, upload):
    plain = connect(config=Config(request_checksum_calculation="when_required"))
    parts = [send(plain, upload, 1, b"1" * PART), send(plain, upload, 2, b"2")]
    made = complete(plain, upload, parts)
    expected = crc64nvme(b"1" * PART + b"2").to_bytes(8, "big")
    assert made["ChecksumCRC64NVME"] == b64encode(expected).decode()
    assert made["ChecksumType"] == "FULL_OBJECT"


def test_a_composite_checksum_needs_those_of_its_parts(s3, bucket):
    target = {"Bucket": bucket, "Key": "b"}
    upload = s3.create_multipart_upload(**target, ChecksumAlgorithm="SHA256")["UploadId"]
    target["UploadId"] = upload
    part = s3.upload_part(**target, PartNumber=1, Body=b"1", ChecksumAlgorithm="SHA256")
    named = {"PartNumber": 1, "ETag": part["ETag"]}
    with refused("InvalidRequest", 400):
        complete(s3, target, [named])
    with refused("InvalidPart", 400):
        complete(s3, target, [{**named, "ChecksumSHA256": b64encode(bytes(32)).decode()}])
    named["ChecksumSHA256"] = part["ChecksumSHA256"]
    with refused("BadDigest", 400):
        complete(s3, target, [named], ChecksumType="FULL_OBJECT")
    made = complete(s3, target, [named], ChecksumType="COMPOSITE")
    digest = hashlib.sha256(hashlib.sha256(b"1").digest()).digest()
    assert made["ChecksumSHA256"] == f"{b64encode(digest).decode()}-1"


def test_conditions(s3, upload):
    s3.put_object(Bucket=upload["Bucket"], Key="a", Body=b"there")
    parts = [send(s3, upload, 1, b"1")]
    with refused("PreconditionFailed", 412):
        complete(s3, upload, parts, IfNoneMatch="*")
    with refused("PreconditionFailed", 412):
        complete(s3, upload, parts, IfMatch='"other"')
    assert s3.get_object(Bucket=upload["Bucket"], Key="a")["Body"].read() == b"there"
    etag = s3.head_object(Bucket=upload["Bucket"], Key="a")["ETag"]
    complete(s3, upload, parts, IfMatch=etag)
    assert s3.get_object(Bucket=upload["Bucket"], Key="a")["Body"].read() == b"1"


def test_a_condition_on_nothing_is_404_and_the_upload_stays(s3, upload):
    parts = [send(s3, upload, 1, b"1")]
    with refused("NoSuchKey", 404):
        complete(s3, upload, parts, IfMatch='"some"')
    complete(s3, upload, parts, IfNoneMatch="*")


def test_an_unknown_upload_is_404(s3, upload):
    with refused("NoSuchUpload", 404):
        complete(s3, {**upload, "UploadId": "made-up"}, [{"PartNumber": 1, "ETag": '"x"'}])
