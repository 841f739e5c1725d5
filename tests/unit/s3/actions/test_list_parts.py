import pytest

from atoll.base.errors import InvalidArgument, UploadNotFound
from atoll.s3.actions.list_parts import list_parts
from atoll.s3.errors import S3Error
from fakes.s3_call import Bench, parse
from fakes.s3_upload import add, begin


@pytest.fixture
def bench():
    return Bench()


def run(bench, upload_id, **members):
    return parse("ListParts", bench.run(list_parts, {"UploadId": upload_id, **members}))


def test_parts_are_listed_by_number_in_pages(bench):
    upload_id = begin(bench, algorithm="CRC32")
    for number in (7, 2, 10_000, 3):
        add(bench, upload_id, number, b"x" * number)
    first = run(bench, upload_id, MaxParts=3)
    assert [part["PartNumber"] for part in first["Parts"]] == [2, 3, 7]
    assert [part["Size"] for part in first["Parts"]] == [2, 3, 7]
    assert first["IsTruncated"] is True
    assert (first["PartNumberMarker"], first["NextPartNumberMarker"]) == (0, 7)
    assert (first["MaxParts"], first["StorageClass"]) == (3, "STANDARD")
    assert (first["Bucket"], first["Key"], first["UploadId"]) == ("bucket", "key", upload_id)
    assert first["Owner"] == first["Initiator"] == {"ID": "account-1", "DisplayName": "root"}
    assert (first["ChecksumAlgorithm"], first["ChecksumType"]) == ("CRC32", "COMPOSITE")
    assert all("ChecksumCRC32" in part for part in first["Parts"])
    rest = run(bench, upload_id, MaxParts=3, PartNumberMarker=7)
    assert [part["PartNumber"] for part in rest["Parts"]] == [10_000]
    assert rest["IsTruncated"] is False


def test_an_upload_without_parts(bench):
    parsed = run(bench, begin(bench))
    assert "Parts" not in parsed
    assert (parsed["NextPartNumberMarker"], parsed["MaxParts"]) == (0, 1000)
    assert "ChecksumAlgorithm" not in parsed


def test_a_page_of_no_rows(bench):
    upload_id = begin(bench)
    add(bench, upload_id, 1, b"x")
    add(bench, upload_id, 2, b"x")
    parsed = run(bench, upload_id, MaxParts=0)
    assert "Parts" not in parsed
    assert parsed["IsTruncated"] is False


def test_a_page_has_at_most_a_thousand_rows(bench):
    assert run(bench, begin(bench), MaxParts=5000)["MaxParts"] == 1000


def test_numbers_out_of_bounds(bench):
    upload_id = begin(bench)
    with pytest.raises(S3Error) as caught:
        run(bench, upload_id, MaxParts=-1)
    assert caught.value.code == "InvalidArgument"
    with pytest.raises(InvalidArgument) as invalid:
        run(bench, upload_id, PartNumberMarker=-1)
    assert invalid.value.fields == {"argument": "part-number-marker", "found": -1}
    with pytest.raises(UploadNotFound):
        run(bench, "none")
