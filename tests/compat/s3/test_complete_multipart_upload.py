"""CompleteMultipartUpload: the parts named, in order, become the object at once."""

import hashlib

import pytest

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


def test_conditions(s3, upload):
    s3.put_object(Bucket=upload["Bucket"], Key="a", Body=b"there")
    parts = [send(s3, upload, 1, b"1")]
    with refused("PreconditionFailed", 412):
        complete(s3, upload, parts, IfNoneMatch="*")
    assert s3.get_object(Bucket=upload["Bucket"], Key="a")["Body"].read() == b"there"


def test_an_unknown_upload_is_404(s3, upload):
    with refused("NoSuchUpload", 404):
        complete(s3, {**upload, "UploadId": "made-up"}, [{"PartNumber": 1, "ETag": '"x"'}])
