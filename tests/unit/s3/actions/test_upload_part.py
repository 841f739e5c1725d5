import hashlib

import pytest

from atoll.base.errors import DigestMismatch, InvalidArgument, TooLarge, UploadNotFound
from atoll.base.limits import PART_BYTES_MAX
from atoll.s3.actions.upload_part import upload_part
from atoll.s3.errors import S3Error
from fakes.s3_call import Bench, body, parse
from fakes.s3_upload import begin


@pytest.fixture
def bench():
    return Bench()


def test_a_part_is_stored_and_replaced(bench):
    upload_id = begin(bench)
    for content in (b"first", b"second"):
        members = {"UploadId": upload_id, "PartNumber": 10_000}
        answer = bench.run(upload_part, members, body=body(content))
        assert answer.headers == (("etag", f'"{hashlib.md5(content).hexdigest()}"'),)
    assert bench.store.uploads[upload_id].parts[10_000][1] == b"second"


def test_a_part_s_checksum_is_answered_without_a_type(bench):
    members = {"UploadId": begin(bench, algorithm="CRC32"), "PartNumber": 1}
    parsed = parse("UploadPart", bench.run(upload_part, members, body=body(b"hello")))
    assert parsed["ChecksumCRC32"] == "NhCmhg=="
    assert "ChecksumType" not in parsed


@pytest.mark.parametrize("number", [0, 10_001, -1])
def test_numbers_out_of_bounds(bench, number):
    members = {"UploadId": begin(bench), "PartNumber": number}
    with pytest.raises(InvalidArgument) as caught:
        bench.run(upload_part, members, body=body(b"x"))
    assert caught.value.fields == {"argument": "partNumber", "found": number}


def test_wrong_bodies_store_nothing(bench):
    upload_id = begin(bench)
    members = {"UploadId": upload_id, "PartNumber": 1}
    with pytest.raises(DigestMismatch):
        bench.run(upload_part, members, body=body(b"x", md5=b"0" * 16))
    unknown, large = body(b"x"), body(b"x")
    unknown.size_bytes, large.size_bytes = None, PART_BYTES_MAX + 1
    with pytest.raises(S3Error) as caught:
        bench.run(upload_part, members, body=unknown)
    assert caught.value.code == "MissingContentLength"
    with pytest.raises(TooLarge):
        bench.run(upload_part, members, body=large)
    assert not bench.store.uploads[upload_id].parts


def test_the_upload_must_be_of_this_key(bench):
    members = {"UploadId": begin(bench), "PartNumber": 1}
    with pytest.raises(UploadNotFound):
        bench.run(upload_part, members, body=body(b"x"), key=b"other")
    with pytest.raises(UploadNotFound):
        bench.run(upload_part, {**members, "UploadId": "none"}, body=body(b"x"))
