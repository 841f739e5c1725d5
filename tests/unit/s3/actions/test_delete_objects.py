import asyncio
from datetime import UTC, datetime

import pytest

from atoll.base.errors import BucketNotFound, Malformed, QuorumLost
from atoll.base.limits import DELETES_AT_ONCE_MAX
from atoll.objects.values import DeleteResult, Versioning
from atoll.s3.actions.delete_objects import delete_objects
from fakes.s3_call import BUCKET, Bench, parse


@pytest.fixture
def bench():
    return Bench()


def run(bench, objects, *, quiet=None, **more):
    wish = {"Objects": objects}
    if quiet is not None:
        wish["Quiet"] = quiet
    return parse("DeleteObjects", bench.run(delete_objects, {"Delete": wish}, key=None, **more))


def test_keys_are_opaque_and_answered_in_order(bench):
    keys = ["../x", "a/", "", "ü", "..", "z"]
    for key in keys:
        if key:
            bench.put(b"x", key.encode())
    bench.put(b"kept", b"x")
    parsed = run(bench, [{"Key": key} for key in keys])
    assert [row["Key"] for row in parsed["Deleted"]] == ["../x", "a/", "ü", "..", "z"]
    assert [(row["Key"], row["Code"]) for row in parsed["Errors"]] == [("", "InvalidURI")]
    assert list(bench.store.versions["bucket"]) == [b"x"]


def test_quiet_tells_errors_only(bench):
    bench.put(b"x", b"a")
    parsed = run(bench, [{"Key": "a"}, {"Key": "k" * 1025}], quiet=True)
    assert "Deleted" not in parsed
    assert [row["Code"] for row in parsed["Errors"]] == ["KeyTooLongError"]
    assert not bench.store.versions["bucket"]


def test_versions_and_markers(bench):
    bench.version(Versioning.ENABLED)
    version = bench.put(b"x", b"a")
    (made,) = run(bench, [{"Key": "a"}])["Deleted"]
    assert made["DeleteMarker"] is True
    marker = made["DeleteMarkerVersionId"]
    rows = [
        {"Key": "a", "VersionId": marker},
        {"Key": "a", "VersionId": version.version_id},
        {"Key": "a", "VersionId": ""},
        {"Key": "a", "VersionId": "no-such-form"},
    ]
    parsed = run(bench, rows)
    assert parsed["Deleted"] == [
        {
            "Key": "a",
            "VersionId": marker,
            "DeleteMarker": True,
            "DeleteMarkerVersionId": marker,
        },
        {"Key": "a", "VersionId": version.version_id},
    ]
    assert [(row["Code"], row["Message"]) for row in parsed["Errors"]] == [
        ("InvalidArgument", "Version id cannot be the empty string"),
        ("NoSuchVersion", "The specified version does not exist."),
    ]


def test_conditions_per_key(bench):
    etag = bench.put(b"x", b"a").etag
    bench.put(b"y", b"b")
    parsed = run(
        bench,
        [
            {"Key": "a", "ETag": f'"{etag}"'},
            {"Key": "b", "ETag": f'"{etag}"'},
            {"Key": "c", "ETag": "*"},
            {"Key": "b", "Size": 1},
            {"Key": "b", "LastModifiedTime": datetime(2020, 1, 1, tzinfo=UTC)},
        ],
    )
    assert [row["Key"] for row in parsed["Deleted"]] == ["a"]
    codes = [row["Code"] for row in parsed["Errors"]]
    assert codes == ["PreconditionFailed", "NoSuchKey", "NotImplemented", "NotImplemented"]
    assert list(bench.store.versions["bucket"]) == [b"b"]


def test_each_key_is_authorised(bench):
    bench.version(Versioning.ENABLED)
    version = bench.put(b"x", b"a")
    bench.refused.add(("DeleteObjectVersion", BUCKET))
    parsed = run(bench, [{"Key": "a", "VersionId": version.version_id}, {"Key": "b"}])
    assert parsed["Errors"][0]["Code"] == "AccessDenied"
    assert parsed["Errors"][0]["VersionId"] == version.version_id
    assert [row["Key"] for row in parsed["Deleted"]] == ["b"]
    assert bench.content(b"a") == b"x"


@pytest.mark.parametrize("count", [0, 1001])
def test_the_list_has_one_to_a_thousand_keys(bench, count):
    bench.put(b"x", b"a")
    with pytest.raises(Malformed):
        run(bench, [{"Key": "a"}] * count)
    assert bench.content(b"a") == b"x"


def test_a_missing_bucket_fails_the_request(bench):
    with pytest.raises(BucketNotFound):
        run(bench, [{"Key": "a"}], bucket="no-such-bucket")


class Slow:
    """Deletes that overlap: counts how many at once, and fails for one key."""

    def __init__(self):
        self.now = 0
        self.most = 0

    async def delete(self, bucket, key, version_id, conditions):
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        if key == b"k7":
            raise QuorumLost(needed=2, reached=1)
        return DeleteResult(version_id=None, is_delete_marker=False)


def test_keys_are_removed_together_within_a_bound(bench):
    slow = Slow()
    bench.store.delete = slow.delete
    parsed = run(bench, [{"Key": f"k{number}"} for number in range(200)])
    assert slow.most == DELETES_AT_ONCE_MAX
    expected = [f"k{number}" for number in range(200) if number != 7]
    assert [row["Key"] for row in parsed["Deleted"]] == expected
    assert [row["Code"] for row in parsed["Errors"]] == ["ServiceUnavailable"]
