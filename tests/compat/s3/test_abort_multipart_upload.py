"""AbortMultipartUpload: the upload and its parts are gone."""

import pytest

from compat.answers import refused, status_of


@pytest.fixture
def upload(s3, bucket):
    target = {"Bucket": bucket, "Key": "a"}
    return {**target, "UploadId": s3.create_multipart_upload(**target)["UploadId"]}


def test_an_aborted_upload_is_gone(s3, upload):
    s3.upload_part(**upload, PartNumber=1, Body=b"1")
    assert status_of(s3.abort_multipart_upload(**upload)) == 204
    with refused("NoSuchUpload", 404):
        s3.list_parts(**upload)
    with refused("NoSuchUpload", 404):
        s3.upload_part(**upload, PartNumber=2, Body=b"2")
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=upload["Bucket"])


def test_the_object_of_that_key_stays(s3, upload):
    s3.put_object(Bucket=upload["Bucket"], Key="a", Body=b"kept")
    s3.abort_multipart_upload(**upload)
    assert s3.get_object(Bucket=upload["Bucket"], Key="a")["Body"].read() == b"kept"


def test_an_unknown_upload_is_404(s3, upload):
    with refused("NoSuchUpload", 404):
        s3.abort_multipart_upload(**{**upload, "UploadId": "made-up"})


def test_the_bucket_can_go_after_it(s3, upload):
    s3.abort_multipart_upload(**upload)
    assert status_of(s3.delete_bucket(Bucket=upload["Bucket"])) == 204
