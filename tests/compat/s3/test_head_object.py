"""HeadObject: everything about an object but its bytes."""

from datetime import UTC, datetime

from compat.answers import headers_of, refused, status_of


def test_headers_come_back_as_they_were_put(s3, bucket):
    headers = {
        "ContentType": "text/plain; charset=utf-8",
        "ContentEncoding": "gzip",
        "ContentLanguage": "de",
        "ContentDisposition": 'inline; filename="a"',
        "CacheControl": "max-age=60",
        "Expires": datetime(2031, 1, 2, 3, 4, 5, tzinfo=UTC),
    }
    metadata = {"colour": "blue", "mtime": "1700000000.123456789", "empty": ""}
    put = s3.put_object(Bucket=bucket, Key="a", Body=b"123", Metadata=metadata, **headers)
    head = s3.head_object(Bucket=bucket, Key="a")
    assert {name: head[name] for name in headers} == headers
    assert head["Metadata"] == metadata
    assert (head["ContentLength"], head["ETag"]) == (3, put["ETag"])
    assert headers_of(head)["accept-ranges"] == "bytes"


def test_a_part_shows_its_size_and_the_count(s3, bucket):
    upload = {"Bucket": bucket, "Key": "a"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    sizes = [5 * 2**20, 77]
    parts = [
        {"PartNumber": n, "ETag": s3.upload_part(**upload, PartNumber=n, Body=bytes(size))["ETag"]}
        for n, size in enumerate(sizes, 1)
    ]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    head = s3.head_object(Bucket=bucket, Key="a", PartNumber=2)
    assert (head["ContentLength"], head["PartsCount"]) == (77, 2)
    assert status_of(head) == 206


def test_conditions_and_absence_are_told_by_the_status(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="a", Body=b"1")["ETag"]
    with refused("304", 304):
        s3.head_object(Bucket=bucket, Key="a", IfNoneMatch=etag)
    with refused("412", 412):
        s3.head_object(Bucket=bucket, Key="a", IfMatch='"x"')
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="missing")
    with refused("404", 404):
        s3.head_object(Bucket="nobody-made-this", Key="a")


def test_a_deleted_object_shows_its_marker(s3, versioned):
    s3.put_object(Bucket=versioned, Key="a", Body=b"1")
    marker = s3.delete_object(Bucket=versioned, Key="a")["VersionId"]
    with refused("404", 404):
        s3.head_object(Bucket=versioned, Key="a")
    with refused("405", 405):
        s3.head_object(Bucket=versioned, Key="a", VersionId=marker)
