import pytest

from atoll.base.errors import BucketNotFound
from atoll.s3.actions.list_multipart_uploads import list_multipart_uploads
from atoll.s3.errors import S3Error
from fakes.s3_call import Bench, parse
from fakes.s3_upload import begin


@pytest.fixture
def bench():
    return Bench()


def run(bench, **members):
    answer = bench.run(list_multipart_uploads, members, key=None)
    return parse("ListMultipartUploads", answer)


def test_uploads_are_listed_by_key_then_id_in_pages(bench):
    made = [(key, begin(bench, key.encode())) for key in ("b", "a", "a", "c")]
    expected = sorted(made)
    found, marker = [], {}
    while True:
        page = run(bench, MaxUploads=1, **marker)
        found += [(row["Key"], row["UploadId"]) for row in page.get("Uploads", [])]
        if not page["IsTruncated"]:
            break
        marker = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
    assert found == expected


def test_a_row_tells_what_an_upload_is(bench):
    upload_id = begin(bench, b"a", algorithm="SHA1")
    (row,) = run(bench)["Uploads"]
    assert row.pop("Initiated").timestamp() > 0
    assert row == {
        "UploadId": upload_id,
        "Key": "a",
        "StorageClass": "STANDARD",
        "Owner": {"ID": "account-1", "DisplayName": "root"},
        "Initiator": {"ID": "account-1", "DisplayName": "root"},
        "ChecksumAlgorithm": "SHA1",
        "ChecksumType": "COMPOSITE",
    }


def test_prefix_and_delimiter(bench):
    for key in (b"a/1", b"a/2", b"a/b/1", b"c"):
        begin(bench, key)
    parsed = run(bench, Prefix="a/", Delimiter="/")
    assert [row["Key"] for row in parsed["Uploads"]] == ["a/1", "a/2"]
    assert parsed["CommonPrefixes"] == [{"Prefix": "a/b/"}]
    assert (parsed["Prefix"], parsed["Delimiter"]) == ("a/", "/")


def test_names_are_encoded_when_asked(bench):
    begin(bench, "ü x+/\x01".encode())
    begin(bench, b"z")
    parsed = run(bench, EncodingType="url", MaxUploads=1, Prefix="ü", KeyMarker="a b")
    assert parsed["Uploads"][0]["Key"] == "%C3%BC%20x%2B/%01"
    assert (parsed["EncodingType"], parsed["Prefix"]) == ("url", "%C3%BC")
    assert parsed["KeyMarker"] == "a%20b"
    with pytest.raises(S3Error) as caught:
        run(bench, EncodingType="gzip")
    assert caught.value.code == "InvalidArgument"


def test_an_id_marker_alone_is_ignored(bench):
    begin(bench, b"a")
    parsed = run(bench, UploadIdMarker="~~~~")
    assert len(parsed["Uploads"]) == 1
    assert parsed["UploadIdMarker"] == ""


def test_limits(bench):
    begin(bench, b"a")
    empty = run(bench, MaxUploads=0)
    assert "Uploads" not in empty
    assert (empty["IsTruncated"], empty["MaxUploads"]) == (False, 0)
    assert run(bench, MaxUploads=2000)["MaxUploads"] == 1000
    with pytest.raises(S3Error):
        run(bench, MaxUploads=-1)
    for members in ({}, {"MaxUploads": 0}):
        with pytest.raises(BucketNotFound):
            bench.run(list_multipart_uploads, members, key=None, bucket="no-such-bucket")
