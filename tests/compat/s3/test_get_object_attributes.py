"""GetObjectAttributes: size, ETag, checksum and parts, only those asked for."""

import pytest

from compat.answers import refused

ALL = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]


def test_an_object_of_one_piece(s3, bucket):
    put = s3.put_object(Bucket=bucket, Key="a", Body=b"12345", ChecksumAlgorithm="SHA256")
    found = s3.get_object_attributes(Bucket=bucket, Key="a", ObjectAttributes=ALL)
    assert found["ETag"] == put["ETag"].strip('"')
    assert (found["ObjectSize"], found["StorageClass"]) == (5, "STANDARD")
    assert found["Checksum"]["ChecksumSHA256"] == put["ChecksumSHA256"]
    assert "ObjectParts" not in found


def test_only_what_was_asked_for(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"12345")
    found = s3.get_object_attributes(Bucket=bucket, Key="a", ObjectAttributes=["ObjectSize"])
    assert set(found) & set(ALL) == {"ObjectSize"}


@pytest.mark.parametrize("algorithm", ["SHA256", "CRC32"])
def test_parts_in_pages(s3, bucket, algorithm):
    upload = {"Bucket": bucket, "Key": "a"}
    kind = {"ChecksumAlgorithm": algorithm, "ChecksumType": "COMPOSITE"}
    upload["UploadId"] = s3.create_multipart_upload(**upload, **kind)["UploadId"]
    name, parts = f"Checksum{algorithm}", []
    for number, size in enumerate((5 * 2**20, 9), 1):
        answer = s3.upload_part(
            **upload, PartNumber=number, Body=bytes(size), ChecksumAlgorithm=algorithm
        )
        parts.append({"PartNumber": number, "ETag": answer["ETag"], name: answer[name]})
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    found = s3.get_object_attributes(
        Bucket=bucket, Key="a", ObjectAttributes=ALL, MaxParts=1, PartNumberMarker=1
    )
    assert found["Checksum"]["ChecksumType"] == "COMPOSITE"
    assert found["ObjectParts"]["TotalPartsCount"] == 2
    (row,) = found["ObjectParts"]["Parts"]
    assert (row["PartNumber"], row["Size"], row[name]) == (2, 9, parts[1][name])


def test_a_missing_object_is_404(s3, bucket):
    with refused("NoSuchKey", 404):
        s3.get_object_attributes(Bucket=bucket, Key="missing", ObjectAttributes=["ETag"])
