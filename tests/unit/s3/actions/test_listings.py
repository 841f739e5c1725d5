"""Listings of objects and versions, as botocore reads them."""

import pytest

from fakes.s3_front import Bench

KEYS = ["a", "a/1", "a/2", "b+c d", "z/1/x", "é"]


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.call("CreateBucket", "PUT", "/bucket")
    for key in KEYS:
        put(bench, key)
    return bench


def put(bench: Bench, key: str, body: bytes = b"hi") -> None:
    quoted = "".join(f"%{byte:02X}" for byte in key.encode())
    assert bench.ask("PUT", f"/bucket/{quoted}", body=body).status == 200


def keys(found) -> list[str]:
    return [row["Key"] for row in found.get("Contents", [])]


def prefixes(found) -> list[str]:
    return [row["Prefix"] for row in found.get("CommonPrefixes", [])]


def test_v2_lists_in_byte_order_with_facts(bench):
    found = bench.call("ListObjectsV2", "GET", "/bucket?list-type=2")
    assert keys(found) == KEYS
    row = found["Contents"][0]
    assert row["ETag"] == '"49f68a5c8493ec2c0bf489821c21fc3b"'
    assert (row["Size"], row["StorageClass"]) == (2, "STANDARD")
    assert row["LastModified"].timestamp() > 1_700_000_000
    assert "Owner" not in row
    del found["Contents"]
    assert found == {
        "Name": "bucket",
        "Prefix": "",
        "MaxKeys": 1000,
        "KeyCount": 6,
        "IsTruncated": False,
    }


def test_v2_counts_prefixes_and_shows_owners_when_asked(bench):
    url = "/bucket?list-type=2&delimiter=/&prefix=a&fetch-owner=true"
    found = bench.call("ListObjectsV2", "GET", url)
    assert (keys(found), prefixes(found), found["KeyCount"]) == (["a"], ["a/"], 2)
    assert found["Contents"][0]["Owner"] == {"DisplayName": "owner", "ID": "owner-id"}
    assert (found["Delimiter"], found["Prefix"]) == ("/", "a")


@pytest.mark.parametrize("size", [1, 2, 3, 10])
@pytest.mark.parametrize("delimiter", ["", "/", "1", "/1/"])
def test_v2_pages_join_to_the_whole(bench, size, delimiter):
    url = f"/bucket?list-type=2&delimiter={delimiter}"
    whole = bench.call("ListObjectsV2", "GET", url)
    rows, token = ([], []), ""
    for _ in range(20):
        page = bench.call("ListObjectsV2", "GET", f"{url}&max-keys={size}{token}")
        rows[0].extend(keys(page))
        rows[1].extend(prefixes(page))
        assert page["KeyCount"] == len(keys(page)) + len(prefixes(page)) <= size
        if not page["IsTruncated"]:
            break
        token = f"&continuation-token={page['NextContinuationToken']}"
    assert rows == (keys(whole), prefixes(whole))


def test_v2_token_wins_over_start_after(bench):
    page = bench.call("ListObjectsV2", "GET", "/bucket?list-type=2&max-keys=2&start-after=a")
    assert (keys(page), page["StartAfter"]) == (["a/1", "a/2"], "a")
    token = page["NextContinuationToken"]
    url = f"/bucket?list-type=2&continuation-token={token}&start-after=a"
    page = bench.call("ListObjectsV2", "GET", url)
    assert keys(page) == KEYS[3:]
    assert page["ContinuationToken"] == token


def test_v1_pages_by_marker(bench):
    page = bench.call("ListObjects", "GET", "/bucket?max-keys=2")
    assert (keys(page), page["IsTruncated"], page["Marker"]) == (KEYS[:2], True, "")
    # Without a delimiter the last key is the marker, and none is named.
    assert "NextMarker" not in page
    assert page["Contents"][0]["Owner"]["ID"] == "owner-id"
    page = bench.call("ListObjects", "GET", "/bucket?marker=a/1")
    assert (keys(page), page["Marker"]) == (KEYS[2:], "a/1")


def test_v1_names_the_next_marker_with_a_delimiter(bench):
    page = bench.call("ListObjects", "GET", "/bucket?max-keys=2&delimiter=/")
    assert (keys(page), prefixes(page), page["NextMarker"]) == (["a"], ["a/"], "a/")
    page = bench.call("ListObjects", "GET", "/bucket?delimiter=/&marker=a/")
    assert (keys(page), prefixes(page)) == (["b+c d", "é"], ["z/"])


def test_keys_are_percent_encoded_together(bench):
    put(bench, "x\x01&/y")
    url = "/bucket?delimiter=/&prefix=x%01&marker=x%01%26&encoding-type=url"
    body = bench.ask("GET", url).body
    for element in (
        b"<Prefix>x%01</Prefix>",
        b"<Marker>x%01%26</Marker>",
        b"<EncodingType>url</EncodingType>",
        b"<CommonPrefixes><Prefix>x%01%26/</Prefix></CommonPrefixes>",
    ):
        assert element in body
    found = bench.call("ListObjectsV2", "GET", "/bucket?list-type=2&prefix=b&encoding-type=url")
    assert keys(found) == ["b%2Bc%20d"]
    url = "/bucket?versions&prefix=b&key-marker=b%2B&encoding-type=url"
    found = bench.call("ListObjectVersions", "GET", url)
    assert (found["Versions"][0]["Key"], found["KeyMarker"]) == ("b%2Bc%20d", "b%2B")


@pytest.mark.parametrize("mark", ["", "list-type=2&", "versions&"])
def test_zero_keys_is_an_empty_page_of_an_existing_bucket(bench, mark):
    body = bench.ask("GET", f"/bucket?{mark}max-keys=0").body
    assert b"<MaxKeys>0</MaxKeys>" in body
    assert b"<IsTruncated>false</IsTruncated>" in body
    assert b"<Key>" not in body
    assert bench.error("GET", f"/nowhere?{mark}max-keys=0") == (404, "NoSuchBucket")


@pytest.mark.parametrize("mark", ["", "list-type=2&", "versions&"])
def test_limits_are_capped_and_garbage_is_refused(bench, mark):
    assert b"<MaxKeys>1000</MaxKeys>" in bench.ask("GET", f"/bucket?{mark}max-keys=5000").body
    for query in ("max-keys=-1", "max-keys=ten", "encoding-type=xml"):
        assert bench.error("GET", f"/bucket?{mark}{query}") == (400, "InvalidArgument")


@pytest.mark.parametrize("token", ["", "nonsense", "AAAAAAAA"])
def test_a_foreign_token_is_refused(bench, token):
    url = f"/bucket?list-type=2&continuation-token={token}"
    assert bench.error("GET", url) == (400, "InvalidArgument")


@pytest.fixture
def versioned(bench) -> Bench:
    body = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    bench.ask("PUT", "/bucket?versioning", body=body)
    put(bench, "a", b"new")
    bench.ask("DELETE", "/bucket/a")
    put(bench, "b", b"b")
    return bench


def test_versions_and_markers_are_told_apart(versioned):
    found = versioned.call("ListObjectVersions", "GET", "/bucket?versions&prefix=a")
    assert [(v["Key"], v["VersionId"] == "null", v["IsLatest"]) for v in found["Versions"]] == [
        ("a", False, False),
        ("a", True, False),
        ("a/1", True, True),
        ("a/2", True, True),
    ]
    (marker,) = found["DeleteMarkers"]
    assert (marker["Key"], marker["IsLatest"]) == ("a", True)
    assert marker["Owner"]["ID"] == "owner-id"
    assert found["KeyMarker"] == found["VersionIdMarker"] == ""


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("delimiter", ["", "/"])
def test_version_pages_join_to_the_whole(versioned, size, delimiter):
    url = f"/bucket?versions&delimiter={delimiter}"

    def rows(found):
        return {
            (row["Key"], row["VersionId"])
            for name in ("Versions", "DeleteMarkers")
            for row in found.get(name, [])
        }

    whole = versioned.call("ListObjectVersions", "GET", url)
    seen, seen_prefixes, place = set(), [], ""
    for _ in range(20):
        page = versioned.call(
            "ListObjectVersions", "GET", f"{url}&max-keys={size}&encoding-type=url{place}"
        )
        assert not seen & rows(page)
        seen |= rows(page)
        seen_prefixes += prefixes(page)
        if not page["IsTruncated"]:
            break
        place = f"&key-marker={page['NextKeyMarker']}"
        if "NextVersionIdMarker" in page:
            place += f"&version-id-marker={page['NextVersionIdMarker']}"
    whole = versioned.call("ListObjectVersions", "GET", f"{url}&encoding-type=url")
    assert (seen, seen_prefixes) == (rows(whole), prefixes(whole))


def test_a_version_marker_needs_its_key(versioned):
    for query in (
        "version-id-marker=null",
        "key-marker=a&version-id-marker=",
        "key-marker=a&version-id-marker=x",
    ):
        assert versioned.error("GET", f"/bucket?versions&{query}") == (400, "InvalidArgument")
