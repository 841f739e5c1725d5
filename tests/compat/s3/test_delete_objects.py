"""DeleteObjects: many keys at once, each with its own outcome."""

from compat.answers import refused


def test_all_keys_go_missing_ones_too(s3, bucket):
    keys = ["a", "a//b", "ü & <é>", "x/../y", "missing"]
    for key in keys[:-1]:
        s3.put_object(Bucket=bucket, Key=key, Body=b"1")
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys]})
    assert {row["Key"] for row in answer["Deleted"]} == set(keys)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_quiet_tells_only_errors(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    objects = [{"Key": "a", "ETag": '"other"'}, {"Key": "b"}]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
    assert "Deleted" not in answer
    assert [(row["Key"], row["Code"]) for row in answer["Errors"]] == [("a", "PreconditionFailed")]


def test_versions_are_named_and_markers_are_made(s3, versioned):
    version = s3.put_object(Bucket=versioned, Key="a", Body=b"1")["VersionId"]
    s3.put_object(Bucket=versioned, Key="b", Body=b"2")
    objects = [{"Key": "a", "VersionId": version}, {"Key": "b"}]
    first, second = s3.delete_objects(Bucket=versioned, Delete={"Objects": objects})["Deleted"]
    assert first == {"Key": "a", "VersionId": version}
    assert second["DeleteMarker"] is True
    rows = s3.list_object_versions(Bucket=versioned)
    assert [row["Key"] for row in rows["Versions"]] == ["b"]
    assert rows["DeleteMarkers"][0]["VersionId"] == second["DeleteMarkerVersionId"]


def test_more_than_a_thousand_is_refused(s3, bucket):
    with refused("MalformedXML", 400):
        s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": f"{n}"} for n in range(1001)]})
    answer = s3.delete_objects(
        Bucket=bucket, Delete={"Objects": [{"Key": f"{n}"} for n in range(1000)]}
    )
    assert len(answer["Deleted"]) == 1000


def test_a_missing_bucket_is_404(s3):
    with refused("NoSuchBucket", 404):
        s3.delete_objects(Bucket="nobody-made-this", Delete={"Objects": [{"Key": "a"}]})


def test_a_thousand_of_the_longest_keys_fit_however_they_are_escaped(s3, bucket):
    rows = [{"Key": f"{number:04d}" + "&" * 1020} for number in range(1000)]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": rows, "Quiet": True})
    assert "Errors" not in answer
