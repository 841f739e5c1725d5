"""CreateMultipartUpload: what it says stays with the object."""

from compat.answers import refused


def test_metadata_and_tags_stay_with_the_object(s3, bucket):
    upload = s3.create_multipart_upload(
        Bucket=bucket,
        Key="a",
        ContentType="text/plain",
        Metadata={"colour": "blue"},
        Tagging="team=storage",
    )
    assert (upload["Bucket"], upload["Key"]) == (bucket, "a")
    target = {"Bucket": bucket, "Key": "a", "UploadId": upload["UploadId"]}
    etag = s3.upload_part(**target, PartNumber=1, Body=b"1")["ETag"]
    s3.complete_multipart_upload(
        **target, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]}
    )
    got = s3.get_object(Bucket=bucket, Key="a")
    assert (got["ContentType"], got["Metadata"]) == ("text/plain", {"colour": "blue"})
    assert got["TagCount"] == 1


def test_two_uploads_of_a_key_are_two(s3, bucket):
    ids = {s3.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"] for _ in range(2)}
    assert len(ids) == 2
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=bucket, Key="a")


def test_checksums_that_do_not_go_together_are_refused(s3, bucket):
    with refused("InvalidRequest", 400):
        s3.create_multipart_upload(
            Bucket=bucket, Key="a", ChecksumAlgorithm="SHA256", ChecksumType="FULL_OBJECT"
        )
    upload = s3.create_multipart_upload(Bucket=bucket, Key="a", ChecksumAlgorithm="CRC64NVME")
    assert (upload["ChecksumAlgorithm"], upload["ChecksumType"]) == ("CRC64NVME", "FULL_OBJECT")


def test_a_missing_bucket_is_404(s3):
    with refused("NoSuchBucket", 404):
        s3.create_multipart_upload(Bucket="nobody-made-this", Key="a")


def test_a_key_that_xml_cannot_carry_can_be_uploaded_in_parts(s3, bucket):
    upload = {"Bucket": bucket, "Key": "bell\a", "UploadId": ""}
    upload["UploadId"] = s3.create_multipart_upload(Bucket=bucket, Key="bell\a")["UploadId"]
    etag = s3.upload_part(**upload, PartNumber=1, Body=b"1")["ETag"]
    assert [part["ETag"] for part in s3.list_parts(**upload)["Parts"]] == [etag]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    assert s3.get_object(Bucket=bucket, Key="bell\a")["Body"].read() == b"1"
    with refused("NoSuchUpload", 404):
        s3.abort_multipart_upload(**upload)
