import base64
import hashlib

import pytest

from atoll.base.errors import (
    DigestMismatch,
    InvalidArgument,
    InvalidPart,
    InvalidPartOrder,
    Malformed,
    NotSupported,
    PreconditionFailed,
    TooSmall,
    UploadNotFound,
)
from atoll.objects.values import Versioning
from atoll.s3.actions.complete_multipart_upload import complete_multipart_upload
from atoll.s3.errors import S3Error
from fakes.s3_call import Bench, parse
from fakes.s3_upload import add, begin


@pytest.fixture
def bench():
    return Bench()


def prepare(bench, contents=(b"aaaa", b"bb"), **more):
    """Return the members that complete an upload of these parts."""
    upload_id = begin(bench, **more)
    rows = [
        {"PartNumber": number, "ETag": f'"{add(bench, upload_id, number, content).etag}"'}
        for number, content in enumerate(contents, 1)
    ]
    return {"UploadId": upload_id, "MultipartUpload": {"Parts": rows}}


def run(bench, members, **more):
    answer = bench.run(complete_multipart_upload, members, **more)
    return parse("CompleteMultipartUpload", answer)


def refuses(bench, members, error):
    with pytest.raises(error) as caught:
        run(bench, members)
    assert not bench.store.versions["bucket"]
    return caught.value


def test_an_object_is_made_once(bench):
    members = prepare(bench)
    parsed = run(bench, members)
    digests = hashlib.md5(b"aaaa").digest() + hashlib.md5(b"bb").digest()
    etag = f'"{hashlib.md5(digests).hexdigest()}-2"'
    assert parsed == {
        "Location": "http://127.0.0.1:9000/bucket/key",
        "Bucket": "bucket",
        "Key": "key",
        "ETag": etag,
    }
    assert run(bench, members) == parsed
    assert bench.content() == b"aaaabb"


def test_an_etag_may_come_without_quotes(bench):
    members = prepare(bench)
    for row in members["MultipartUpload"]["Parts"]:
        row["ETag"] = row["ETag"].strip('"')
    run(bench, members)
    assert bench.content() == b"aaaabb"


def test_the_version_made_is_named(bench):
    bench.version(Versioning.ENABLED)
    parsed = run(bench, prepare(bench))
    assert parsed["VersionId"] == bench.store.versions["bucket"][b"key"][0].version.version_id


def test_a_composite_checksum(bench):
    members = prepare(bench, algorithm="SHA256")
    parts = [hashlib.sha256(content).digest() for content in (b"aaaa", b"bb")]
    for row, digest in zip(members["MultipartUpload"]["Parts"], parts, strict=True):
        row["ChecksumSHA256"] = base64.b64encode(digest).decode()
    whole = base64.b64encode(hashlib.sha256(b"".join(parts)).digest()).decode()
    members |= {"ChecksumSHA256": f"{whole}-2", "ChecksumType": "COMPOSITE", "MpuObjectSize": 6}
    parsed = run(bench, members)
    assert (parsed["ChecksumSHA256"], parsed["ChecksumType"]) == (f"{whole}-2", "COMPOSITE")


def test_a_full_object_checksum(bench):
    members = prepare(bench, [b"hel", b"lo"], algorithm="CRC32", composite=False)
    members |= {"ChecksumCRC32": "NhCmhg==", "ChecksumType": "FULL_OBJECT"}
    parsed = run(bench, members)
    assert (parsed["ChecksumCRC32"], parsed["ChecksumType"]) == ("NhCmhg==", "FULL_OBJECT")


@pytest.mark.parametrize("kind", ["COMPOSITE", "FULL_OBJECT"])
def test_another_checksum_type_than_the_upload_s_is_a_bad_digest(bench, kind):
    members = prepare(bench, algorithm="CRC32", composite=kind == "FULL_OBJECT")
    refuses(bench, {**members, "ChecksumType": kind}, DigestMismatch)


def test_promises_that_do_not_hold(bench):
    members = prepare(bench, [b"hel", b"lo"], algorithm="CRC32", composite=False)
    refuses(bench, {**members, "ChecksumCRC32": "AAAAAA=="}, DigestMismatch)
    refuses(bench, {**members, "MpuObjectSize": 6}, InvalidPart)
    members["MultipartUpload"]["Parts"][0]["ChecksumCRC32"] = "AAAAAA=="
    refuses(bench, members, InvalidPart)


@pytest.mark.parametrize(
    "more",
    [
        {"ChecksumCRC32": "not base64"},
        {"ChecksumCRC32": "AAAA"},
        {"ChecksumCRC32": "AAAAAA==", "ChecksumSHA1": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="},
        {"ChecksumType": "HALF"},
        {"MpuObjectSize": -1},
    ],
)
def test_promises_that_are_none(bench, more):
    error = refuses(bench, {**prepare(bench), **more}, S3Error)
    assert error.code == "InvalidRequest"


def test_a_checksum_this_version_does_not_have(bench):
    members = prepare(bench)
    members["MultipartUpload"]["Parts"][0]["ChecksumXXHASH64"] = "AAAAAAAAAAA="
    refuses(bench, members, NotSupported)


@pytest.mark.parametrize(
    "document", [{}, {"Parts": []}, {"Parts": [{"PartNumber": 1}]}, {"Parts": [{"ETag": "x"}]}]
)
def test_a_list_without_parts_is_malformed(bench, document):
    refuses(bench, {**prepare(bench), "MultipartUpload": document}, Malformed)


def test_a_list_is_judged_before_the_store_is_asked(bench):
    members = prepare(bench)
    # A store that knows no order: what is refused is refused by the action.
    bench.store.complete_upload = None
    rows = members["MultipartUpload"]["Parts"]
    refuses(bench, {**members, "MultipartUpload": {"Parts": rows[::-1]}}, InvalidPartOrder)
    refuses(bench, {**members, "MultipartUpload": {"Parts": [rows[0]] * 2}}, InvalidPartOrder)
    refuses(
        bench,
        {**members, "MultipartUpload": {"Parts": [{**rows[0], "PartNumber": 10_001}]}},
        InvalidArgument,
    )


def test_parts_that_do_not_fit(bench):
    members = prepare(bench)
    rows = members["MultipartUpload"]["Parts"]
    refuses(
        bench,
        {**members, "MultipartUpload": {"Parts": [{**rows[0], "ETag": '"x"'}]}},
        InvalidPart,
    )
    refuses(
        bench,
        {**members, "MultipartUpload": {"Parts": [rows[0], {**rows[1], "PartNumber": 3}]}},
        InvalidPart,
    )
    bench.store.part_bytes_min = 5
    refuses(bench, members, TooSmall)


def test_conditions_guard_the_completion(bench):
    bench.put(b"old")
    with pytest.raises(PreconditionFailed):
        run(bench, {**prepare(bench), "IfNoneMatch": "*"})
    with pytest.raises(PreconditionFailed):
        run(bench, {**prepare(bench), "IfMatch": '"other"'})
    assert bench.content() == b"old"
    etag = bench.store._find("bucket", b"key", None).version.etag
    run(bench, {**prepare(bench), "IfMatch": f'"{etag}"'})
    assert bench.content() == b"aaaabb"


def test_an_unknown_upload(bench):
    members = prepare(bench)
    refuses(bench, {**members, "UploadId": "none"}, UploadNotFound)
    refuses(bench, {**members, "UploadId": "none", "ChecksumType": "COMPOSITE"}, UploadNotFound)
