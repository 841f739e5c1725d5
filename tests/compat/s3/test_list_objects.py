"""ListObjects: the first version of listing, which old tools use with `encoding-type=url`."""

import pytest

from compat.answers import refused

KEYS = ["a b", "a+b", "d/1", "d/2", "e\x01f", "ü"]


@pytest.fixture
def filled(s3, bucket):
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=b"1")
    return bucket


def test_boto3_asks_for_encoded_keys_and_decodes_them(s3, filled):
    answer = s3.list_objects(Bucket=filled)
    assert [row["Key"] for row in answer["Contents"]] == KEYS
    assert all("Owner" in row for row in answer["Contents"])
    assert answer["IsTruncated"] is False


def test_encoded_keys_can_be_read_by_every_decoder(s3, filled):
    # A space is `%20`: decoders that know forms and those that do not agree on it.
    answer = s3.list_objects(Bucket=filled, EncodingType="url", Delimiter="/")
    keys = [row["Key"] for row in answer["Contents"]]
    assert keys == ["a%20b", "a%2Bb", "e%01f", "%C3%BC"]
    assert answer["CommonPrefixes"] == [{"Prefix": "d/"}]


def test_markers_continue(s3, filled):
    first = s3.list_objects(Bucket=filled, MaxKeys=3, Delimiter="/")
    assert (first["IsTruncated"], first["NextMarker"]) == (True, "d/")
    rest = s3.list_objects(Bucket=filled, Marker=first["NextMarker"], Delimiter="/")
    assert [row["Key"] for row in rest["Contents"]] == KEYS[4:]
    assert "CommonPrefixes" not in rest


def test_a_missing_bucket_is_404(s3):
    with refused("NoSuchBucket", 404):
        s3.list_objects(Bucket="nobody-made-this")
