import pytest

from atoll.base.errors import BucketNotFound, MetadataTooLarge
from atoll.s3.actions.create_multipart_upload import create_multipart_upload
from atoll.s3.errors import S3Error
from fakes.s3_call import Bench, parse


@pytest.fixture
def bench():
    return Bench()


def test_an_upload_begins_with_the_object_s_attributes(bench):
    members = {"ContentType": "a/b", "Metadata": {"m": "1"}, "Tagging": "t=1"}
    parsed = parse("CreateMultipartUpload", bench.run(create_multipart_upload, members))
    assert (parsed["Bucket"], parsed["Key"]) == ("bucket", "key")
    assert "ChecksumAlgorithm" not in parsed
    attributes = bench.store.uploads[parsed["UploadId"]].upload.attributes
    assert attributes.headers == {"content-type": "a/b"}
    assert attributes.metadata == {"m": "1"}
    assert attributes.tags == {"t": "1"}


@pytest.mark.parametrize(
    ("algorithm", "kind", "expected"),
    [
        ("CRC32", None, "COMPOSITE"),
        ("CRC32C", None, "COMPOSITE"),
        ("SHA1", None, "COMPOSITE"),
        ("SHA256", "COMPOSITE", "COMPOSITE"),
        ("CRC64NVME", None, "FULL_OBJECT"),
        ("CRC64NVME", "FULL_OBJECT", "FULL_OBJECT"),
        ("CRC32", "FULL_OBJECT", "FULL_OBJECT"),
        ("CRC32C", "FULL_OBJECT", "FULL_OBJECT"),
    ],
)
def test_algorithm_and_type(bench, algorithm, kind, expected):
    members = {"ChecksumAlgorithm": algorithm}
    if kind is not None:
        members["ChecksumType"] = kind
    parsed = parse("CreateMultipartUpload", bench.run(create_multipart_upload, members))
    assert (parsed["ChecksumAlgorithm"], parsed["ChecksumType"]) == (algorithm, expected)
    upload = bench.store.uploads[parsed["UploadId"]].upload
    assert upload.checksum_algorithm == algorithm
    assert upload.checksum_composite == (expected == "COMPOSITE")


@pytest.mark.parametrize(
    "members",
    [
        {"ChecksumAlgorithm": "CRC64NVME", "ChecksumType": "COMPOSITE"},
        {"ChecksumAlgorithm": "SHA1", "ChecksumType": "FULL_OBJECT"},
        {"ChecksumAlgorithm": "SHA256", "ChecksumType": "FULL_OBJECT"},
        {"ChecksumAlgorithm": "CRC32", "ChecksumType": "HALF"},
        {"ChecksumAlgorithm": "MD5"},
        {"ChecksumType": "COMPOSITE"},
    ],
)
def test_what_does_not_go_together_begins_nothing(bench, members):
    with pytest.raises(S3Error) as caught:
        bench.run(create_multipart_upload, members)
    assert caught.value.code == "InvalidRequest"
    assert not bench.store.uploads


def test_limits_hold_at_the_beginning(bench):
    with pytest.raises(MetadataTooLarge):
        bench.run(create_multipart_upload, {"Metadata": {"a": "x" * 2048}})
    with pytest.raises(BucketNotFound):
        bench.run(create_multipart_upload, bucket="no-such-bucket")
