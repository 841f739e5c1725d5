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


def test_markers_prefix_and_encoding(s3, bucket):
    ids = {
        key: [s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"] for _ in range(2)]
        for key in ("a b", "c")
    }
    page = s3.list_multipart_uploads(
        Bucket=bucket, KeyMarker="a b", UploadIdMarker=ids["a b"][0], MaxUploads=2
    )
    found = [(row["Key"], row["UploadId"]) for row in page["Uploads"]]
    assert found == [("a b", ids["a b"][1]), ("c", ids["c"][0])]
    assert (page["NextKeyMarker"], page["NextUploadIdMarker"]) == ("c", ids["c"][0])
    # An id alone is no marker.
    whole = s3.list_multipart_uploads(Bucket=bucket, UploadIdMarker=ids["c"][1])
    assert len(whole["Uploads"]) == 4
    behind = s3.list_multipart_uploads(Bucket=bucket, KeyMarker="a b")
    assert [row["UploadId"] for row in behind["Uploads"]] == ids["c"]
    named = s3.list_multipart_uploads(Bucket=bucket, Prefix="a ", EncodingType="url")
    assert {row["Key"] for row in named["Uploads"]} == {"a%20b"}
    assert (named["Prefix"], named["EncodingType"]) == ("a%20", "url")


def test_a_missing_bucket_is_404(s3):
    with refused("NoSuchBucket", 404):
        s3.list_multipart_uploads(Bucket="nobody-made-this")
