"""ListObjectVersions: versions and delete markers, newest first under each key."""

from compat.answers import refused


def test_versions_and_markers_of_a_key(s3, versioned):
    first = s3.put_object(Bucket=versioned, Key="a", Body=b"1")["VersionId"]
    second = s3.put_object(Bucket=versioned, Key="a", Body=b"22")["VersionId"]
    marker = s3.delete_object(Bucket=versioned, Key="a")["VersionId"]
    answer = s3.list_object_versions(Bucket=versioned)
    rows = [(row["VersionId"], row["IsLatest"], row["Size"]) for row in answer["Versions"]]
    assert rows == [(second, False, 2), (first, False, 1)]
    (row,) = answer["DeleteMarkers"]
    assert (row["VersionId"], row["IsLatest"]) == (marker, True)


def test_a_bucket_without_versions_shows_null(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    (row,) = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert (row["VersionId"], row["IsLatest"]) == ("null", True)


def test_pages_join_to_the_whole(s3, versioned):
    wanted = []
    for key in ("a", "b/1", "ü"):
        ids = [s3.put_object(Bucket=versioned, Key=key, Body=b"1")["VersionId"] for _ in range(3)]
        wanted += [(key, version) for version in reversed(ids)]
    pages = s3.get_paginator("list_object_versions").paginate(
        Bucket=versioned, PaginationConfig={"PageSize": 2}
    )
    found = [(row["Key"], row["VersionId"]) for page in pages for row in page["Versions"]]
    assert found == wanted
    top = s3.list_object_versions(Bucket=versioned, Delimiter="/")
    assert [row["Prefix"] for row in top["CommonPrefixes"]] == ["b/"]


def test_a_missing_bucket_is_404(s3):
    with refused("NoSuchBucket", 404):
        s3.list_object_versions(Bucket="nobody-made-this")
