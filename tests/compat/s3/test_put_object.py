"""PutObject: bytes, metadata, checksums, conditions, keys of every kind."""

import hashlib
import http.client
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from compat.answers import refused

KEYS = [
    "a",
    "a/",
    "a/b",
    "a//b",
    "a/../b",
    "..",
    ".",
    "./",
    "//",
    " space ",
    "plus+percent%25%",
    "?query=1&b#c",
    "ünïcödé/日本語/🙂",
    "line\nfeed",
    "k" * 1024,
]
DEFAULTS = {"small": 1, "inline": 16_384, "packed": 300_000, "sharded": 2_000_001, "empty": 0}


def test_every_key_is_its_own_object(s3, bucket):
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    for key in KEYS:
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert [row["Key"] for row in listed] == sorted(KEYS, key=str.encode)


@pytest.mark.parametrize("size", DEFAULTS.values(), ids=DEFAULTS.keys())
def test_content_of_any_size_comes_back(s3, bucket, size):
    body = (b"%07d;" * (size // 8 + 1) % tuple(range(size // 8 + 1)))[:size]
    answer = s3.put_object(Bucket=bucket, Key="a", Body=body)
    assert answer["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    assert answer["ChecksumType"] == "FULL_OBJECT"
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == body


def test_metadata_may_be_hundreds_of_short_headers(s3, bucket, monkeypatch):
    # Python's own client reads no more than 100 headers of an answer.
    monkeypatch.setattr(http.client, "_MAXHEADERS", 1000)
    metadata = {f"k{number}": "v" for number in range(400)}
    s3.put_object(Bucket=bucket, Key="a", Body=b"1", Metadata=metadata)
    assert s3.head_object(Bucket=bucket, Key="a")["Metadata"] == metadata


def test_a_wrong_digest_stores_nothing(s3, bucket):
    with refused("BadDigest", 400):
        s3.put_object(Bucket=bucket, Key="a", Body=b"1", ContentMD5=b64encode(bytes(16)).decode())
    with refused("BadDigest", 400):
        s3.put_object(Bucket=bucket, Key="a", Body=b"1", ChecksumCRC32="AAAAAA==")
    with refused("InvalidDigest", 400):
        s3.put_object(Bucket=bucket, Key="a", Body=b"1", ContentMD5="bm90IGEgZGlnZXN0")
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="a")


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_every_checksum_is_kept(s3, bucket, algorithm):
    put = s3.put_object(Bucket=bucket, Key="a", Body=b"1", ChecksumAlgorithm=algorithm)
    got = s3.get_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    assert put[f"Checksum{algorithm}"] == got[f"Checksum{algorithm}"]
    assert got["Body"].read() == b"1"


def test_content_without_a_checksum_gets_one(connect, bucket):
    plain = connect(config=Config(request_checksum_calculation="when_required"))
    put = plain.put_object(Bucket=bucket, Key="a", Body=b"hello")
    assert (put["ChecksumCRC64NVME"], put["ChecksumType"]) == ("M3eFcAZSQlc=", "FULL_OBJECT")
    got = plain.get_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    assert got["ChecksumCRC64NVME"] == put["ChecksumCRC64NVME"]
    assert got["Body"].read() == b"hello"
    part = plain.get_object(Bucket=bucket, Key="a", Range="bytes=0-3", ChecksumMode="ENABLED")
    assert "ChecksumCRC64NVME" not in part


def test_only_the_first_of_many_conditional_writers_wins(s3, bucket):
    def attempt(number):
        try:
            s3.put_object(Bucket=bucket, Key="a", Body=b"%d" % number, IfNoneMatch="*")
        except ClientError as refusal:
            return refusal.response["ResponseMetadata"]["HTTPStatusCode"]
        return number

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(attempt, range(16)))
    (winner,) = [outcome for outcome in outcomes if outcome < 16]
    assert set(outcomes) - {winner} <= {409, 412}
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"%d" % winner


def test_if_match_writes_over_what_was_read(s3, bucket):
    with refused("NoSuchKey", 404):
        s3.put_object(Bucket=bucket, Key="a", Body=b"1", IfMatch='"abc"')
    etag = s3.put_object(Bucket=bucket, Key="a", Body=b"1")["ETag"]
    s3.put_object(Bucket=bucket, Key="a", Body=b"2", IfMatch=etag)
    with refused("PreconditionFailed", 412):
        s3.put_object(Bucket=bucket, Key="a", Body=b"3", IfMatch=etag)
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"2"


def test_what_cannot_be_done_is_refused_not_ignored(s3, bucket):
    for code, wish in {
        "NotImplemented": {"ServerSideEncryption": "AES256"},
        "InvalidStorageClass": {"StorageClass": "GLACIER"},
        "AccessControlListNotSupported": {"ACL": "public-read"},
        "EntityTooLarge": {"ContentLength": 5 * 2**30 + 1, "Body": b""},
        "KeyTooLongError": {"Key": "k" * 1025},
    }.items():
        with pytest.raises(ClientError) as caught:
            s3.put_object(**{"Bucket": bucket, "Key": "a", "Body": b"1", **wish})
        assert caught.value.response["Error"]["Code"] == code
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_missing_bucket_is_404(s3):
    with refused("NoSuchBucket", 404):
        s3.put_object(Bucket="nobody-made-this", Key="a", Body=b"1")
