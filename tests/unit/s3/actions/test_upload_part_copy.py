import base64
import hashlib
import zlib

import pytest

from atoll.base.errors import (
    AccessDenied,
    InvalidArgument,
    ObjectNotFound,
    PreconditionFailed,
    UploadNotFound,
)
from atoll.objects.values import Versioning
from atoll.s3.actions.upload_part_copy import upload_part_copy
from atoll.s3.errors import S3Error
from fakes.s3_call import OTHER, Bench, parse, wait
from fakes.s3_upload import begin


@pytest.fixture
def bench():
    made = Bench()
    made.put(b"0123456789", b"from", bucket=OTHER)
    return made


def members(bench, **more):
    return {
        "UploadId": begin(bench),
        "PartNumber": 1,
        "CopySource": "/other-bucket/from",
        **more,
    }


@pytest.mark.parametrize(
    ("value", "content"),
    [(None, b"0123456789"), ("bytes=2-4", b"234"), ("bytes=0-9", b"0123456789")],
)
def test_a_part_is_copied(bench, value, content):
    asked = members(bench) if value is None else members(bench, CopySourceRange=value)
    parsed = parse("UploadPartCopy", bench.run(upload_part_copy, asked))
    assert parsed["CopyPartResult"]["ETag"] == f'"{hashlib.md5(content).hexdigest()}"'
    assert "CopySourceVersionId" not in parsed
    assert bench.store.uploads[asked["UploadId"]].parts[1][1] == content


@pytest.mark.parametrize(
    "value", ["bytes=2-", "bytes=-2", "2-4", "bytes=4-2", "bytes=0-1,3-4", "bytes=0-10", ""]
)
def test_a_range_must_have_both_ends_inside_the_source(bench, value):
    asked = members(bench, CopySourceRange=value)
    with pytest.raises(InvalidArgument) as caught:
        bench.run(upload_part_copy, asked)
    assert caught.value.fields == {"argument": "x-amz-copy-source-range", "found": value}
    assert not bench.store.uploads[asked["UploadId"]].parts


def test_the_source_version_is_pinned_and_named(bench):
    bench.version(Versioning.ENABLED, OTHER)
    version = bench.put(b"new", b"from", bucket=OTHER).version_id
    parsed = parse("UploadPartCopy", bench.run(upload_part_copy, members(bench)))
    assert parsed["CopySourceVersionId"] == version


def test_a_composite_upload_answers_the_part_s_checksum(bench):
    asked = members(bench)
    asked["UploadId"] = begin(bench, algorithm="CRC32")
    parsed = parse("UploadPartCopy", bench.run(upload_part_copy, asked))
    expected = base64.b64encode(zlib.crc32(b"0123456789").to_bytes(4, "big")).decode()
    assert parsed["CopyPartResult"]["ChecksumCRC32"] == expected


def test_the_source_must_be_readable_and_meet_its_conditions(bench):
    with pytest.raises(PreconditionFailed):
        bench.run(upload_part_copy, members(bench, CopySourceIfMatch='"other"'))
    with pytest.raises(PreconditionFailed):
        bench.run(upload_part_copy, members(bench, CopySourceIfNoneMatch="*"))
    bench.refused.add(("GetObject", OTHER))
    with pytest.raises(AccessDenied):
        bench.run(upload_part_copy, members(bench))


def test_what_is_not_there(bench):
    with pytest.raises(ObjectNotFound):
        bench.run(upload_part_copy, members(bench, CopySource="other-bucket/none"))
    with pytest.raises(UploadNotFound):
        bench.run(upload_part_copy, members(bench, UploadId="none"))
    with pytest.raises(InvalidArgument):
        bench.run(upload_part_copy, members(bench, PartNumber=0))
    bench.version(Versioning.ENABLED, OTHER)
    marker = wait(bench.store.delete(OTHER, b"from")).version_id
    source = f"other-bucket/from?versionId={marker}"
    with pytest.raises(S3Error) as caught:
        bench.run(upload_part_copy, members(bench, CopySource=source))
    assert caught.value.code == "InvalidRequest"
