"""ListMultipartUploads: open uploads by key and start, by pages, by prefix."""

from compat.answers import refused


def test_open_uploads_by_key(s3, bucket):
    wanted = []
    for key in ("b", "a/1", "ü"):
        wanted.append((key, s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]))
    answer = s3.list_multipart_uploads(Bucket=bucket)
    assert [(row["Key"], row["UploadId"]) for row in answer["Uploads"]] == sorted(wanted)
    top = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [row["Prefix"] for row in top["CommonPrefixes"]] == ["a/"]
    assert [row["Key"] for row in top["Uploads"]] == ["b", "ü"]


def test_pages_join_to_the_whole(s3, bucket):
    wanted = {
        (key, s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"])
        for key in ("a", "a", "a", "b", "c")
    }
    pages = s3.get_paginator("list_multipart_uploads").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 2}
    )
    found = [(row["Key"], row["UploadId"]) for page in pages for row in page["Uploads"]]
    assert len(found) == 5
    assert set(found) == wanted


def test_a_missing_bucket_is_404(s3):
    with refused("NoSuchBucket", 404):
        s3.list_multipart_uploads(Bucket="nobody-made-this")
