"""UploadPartCopy: parts from objects that are there."""

import pytest

from compat.answers import refused

BODY = bytes(range(256)) * 20_481


@pytest.fixture
def upload(s3, bucket):
    s3.put_object(Bucket=bucket, Key="source", Body=BODY)
    target = {"Bucket": bucket, "Key": "a"}
    return {**target, "UploadId": s3.create_multipart_upload(**target)["UploadId"]}


def test_a_whole_object_and_a_range_of_it(s3, upload):
    source = {"Bucket": upload["Bucket"], "Key": "source"}
    parts = []
    for number, span in enumerate(({}, {"CopySourceRange": "bytes=10-19"}), 1):
        answer = s3.upload_part_copy(**upload, PartNumber=number, CopySource=source, **span)
        parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    got = s3.get_object(Bucket=upload["Bucket"], Key="a")
    assert got["Body"].read() == BODY + BODY[10:20]


def test_a_range_outside_is_refused(s3, upload):
    source = {"Bucket": upload["Bucket"], "Key": "source"}
    for span in (f"bytes=0-{len(BODY)}", "bytes=5-", "0-9"):
        with refused("InvalidArgument", 400):
            s3.upload_part_copy(**upload, PartNumber=1, CopySource=source, CopySourceRange=span)
    assert "Parts" not in s3.list_parts(**upload)


def test_conditions_on_the_source(s3, upload):
    source = {"Bucket": upload["Bucket"], "Key": "source"}
    with refused("PreconditionFailed", 412):
        s3.upload_part_copy(**upload, PartNumber=1, CopySource=source, CopySourceIfMatch='"x"')


def test_what_is_missing_is_404(s3, upload):
    bucket = upload["Bucket"]
    with refused("NoSuchKey", 404):
        s3.upload_part_copy(**upload, PartNumber=1, CopySource=f"{bucket}/missing")
    with refused("NoSuchUpload", 404):
        s3.upload_part_copy(
            **{**upload, "UploadId": "made-up"}, PartNumber=1, CopySource=f"{bucket}/source"
        )
