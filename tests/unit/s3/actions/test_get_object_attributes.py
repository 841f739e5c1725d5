import base64
import hashlib

import pytest

from atoll.base.errors import InvalidArgument, MethodNotAllowed, ObjectNotFound
from atoll.objects.values import Versioning
from atoll.s3.actions.get_object_attributes import get_object_attributes
from atoll.s3.errors import S3Error
from fakes.s3_call import BUCKET, KEY, Bench, parse, wait
from fakes.s3_upload import upload

ALL = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]


@pytest.fixture
def bench():
    return Bench()


def run(bench, names, **members):
    answer = bench.run(get_object_attributes, {"ObjectAttributes": names, **members})
    parsed = parse("GetObjectAttributes", answer)
    assert parsed.pop("LastModified").timestamp() > 0
    return parsed


def test_all_attributes_of_a_plain_object(bench):
    bench.put(b"hello", algorithm="CRC32")
    assert run(bench, ALL) == {
        "ETag": hashlib.md5(b"hello").hexdigest(),
        "Checksum": {"ChecksumCRC32": "NhCmhg==", "ChecksumType": "FULL_OBJECT"},
        "StorageClass": "STANDARD",
        "ObjectSize": 5,
    }


def test_only_what_was_asked_for(bench):
    bench.put(b"hello", algorithm="CRC32")
    assert run(bench, ["ObjectSize"]) == {"ObjectSize": 5}
    assert run(bench, ["ETag"]).keys() == {"ETag"}


def test_parts_of_a_composite_object_in_pages(bench):
    upload(bench, [b"aaaa", b"bbb", b"cc"], algorithm="SHA256")
    sums = [base64.b64encode(hashlib.sha256(part).digest()).decode() for part in (b"aaaa", b"bbb")]
    parsed = run(bench, ["ObjectParts", "Checksum"], MaxParts=2)
    assert parsed["ObjectParts"] == {
        "TotalPartsCount": 3,
        "PartNumberMarker": 0,
        "NextPartNumberMarker": 2,
        "MaxParts": 2,
        "IsTruncated": True,
        "Parts": [
            {"PartNumber": 1, "Size": 4, "ChecksumSHA256": sums[0]},
            {"PartNumber": 2, "Size": 3, "ChecksumSHA256": sums[1]},
        ],
    }
    assert parsed["Checksum"]["ChecksumType"] == "COMPOSITE"
    assert "-" not in parsed["Checksum"]["ChecksumSHA256"]
    rest = run(bench, ["ObjectParts"], MaxParts=2, PartNumberMarker=2)["ObjectParts"]
    assert [part["PartNumber"] for part in rest["Parts"]] == [3]
    assert rest["IsTruncated"] is False
    none = run(bench, ["ObjectParts"], MaxParts=0)["ObjectParts"]
    assert "Parts" not in none
    assert (none["TotalPartsCount"], none["IsTruncated"]) == (3, False)


@pytest.mark.parametrize("algorithm", ["", "CRC32"])
def test_parts_of_other_multipart_objects_are_only_counted(bench, algorithm):
    upload(bench, [b"aaaa", b"bbb"], algorithm=algorithm, composite=False)
    assert run(bench, ["ObjectParts"]) == {"ObjectParts": {"TotalPartsCount": 2}}


def test_versions_and_markers(bench):
    bench.version(Versioning.ENABLED)
    version = bench.put(b"old").version_id
    bench.put(b"newer")
    parsed = run(bench, ["ObjectSize"], VersionId=version)
    assert parsed == {"ObjectSize": 3, "VersionId": version}
    marker = wait(bench.store.delete(BUCKET, KEY)).version_id
    with pytest.raises(ObjectNotFound):
        run(bench, ALL)
    with pytest.raises(MethodNotAllowed):
        run(bench, ALL, VersionId=marker)


def test_bad_wishes(bench):
    bench.put(b"x")
    with pytest.raises(S3Error) as caught:
        bench.run(get_object_attributes, {})
    assert caught.value.code == "InvalidRequest"
    with pytest.raises(InvalidArgument) as invalid:
        run(bench, ["ETag", "Colour"])
    assert invalid.value.fields == {"argument": "x-amz-object-attributes", "found": "Colour"}
    with pytest.raises(InvalidArgument):
        run(bench, ALL, PartNumberMarker=-1)
