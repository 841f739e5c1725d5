from datetime import UTC, datetime

import pytest

from atoll.base.errors import (
    AccessDenied,
    InvalidArgument,
    InvalidName,
    NotSupported,
    ObjectNotFound,
    PreconditionFailed,
)
from atoll.base.limits import PUT_BYTES_MAX
from atoll.base.names import ObjectKey
from atoll.base.streams import WholeBody
from atoll.objects.contract import PutRequest
from atoll.objects.values import ObjectVersion, Versioning
from atoll.s3.actions.copy_object import copy_object
from atoll.s3.errors import S3Error
from fakes.s3_call import BUCKET, OTHER, Bench, parse, wait

SOURCE = {"CopySource": "other-bucket/from"}


@pytest.fixture
def bench():
    return Bench()


def put_source(bench, content=b"hello", **more):
    return bench.put(content, b"from", bucket=OTHER, **more)


def stored(bench, key=b"key"):
    return bench.store._find(BUCKET, key, None).version


def test_an_object_is_copied_with_all_it_has(bench):
    source = put_source(
        bench, headers={"content-type": "a/b"}, metadata={"m": "1"}, tags={"t": "1"}
    )
    # Without a directive, what the request says about the object is not used.
    answer = bench.run(copy_object, {**SOURCE, "ContentType": "c/d", "Metadata": {"x": "y"}})
    parsed = parse("CopyObject", answer)
    assert parsed["CopyObjectResult"]["ETag"] == f'"{source.etag}"'
    assert parsed["CopyObjectResult"]["LastModified"].timestamp() * 10**9 == (
        stored(bench).modified_ns
    )
    assert "VersionId" not in parsed
    assert "CopySourceVersionId" not in parsed
    assert bench.content() == b"hello"
    assert stored(bench).attributes == source.attributes


def test_directives_replace_metadata_and_tags_apart(bench):
    put_source(bench, metadata={"m": "1"}, tags={"t": "1"})
    bench.run(
        copy_object,
        {**SOURCE, "MetadataDirective": "REPLACE", "Metadata": {"n": "2"}, "Tagging": "z=1"},
    )
    assert stored(bench).attributes.metadata == {"n": "2"}
    assert stored(bench).attributes.tags == {"t": "1"}
    bench.run(copy_object, {**SOURCE, "TaggingDirective": "REPLACE", "Tagging": "u=2"})
    assert stored(bench).attributes.metadata == {"m": "1"}
    assert stored(bench).attributes.tags == {"u": "2"}
    bench.run(copy_object, {**SOURCE, "TaggingDirective": "REPLACE"})
    assert stored(bench).attributes.tags == {}


@pytest.mark.parametrize(
    ("member", "argument"),
    [
        ("MetadataDirective", "x-amz-metadata-directive"),
        ("TaggingDirective", "x-amz-tagging-directive"),
    ],
)
def test_an_unknown_directive_is_invalid(bench, member, argument):
    put_source(bench)
    with pytest.raises(InvalidArgument) as caught:
        bench.run(copy_object, {**SOURCE, member: "MERGE"})
    assert caught.value.fields == {"argument": argument, "found": "MERGE"}


def test_a_copy_onto_itself_must_change_something(bench):
    bench.put(b"x", metadata={"a": "1"})
    itself = {"CopySource": "bucket/key"}
    for members in ({}, {"MetadataDirective": "COPY"}, {"TaggingDirective": "REPLACE"}):
        with pytest.raises(S3Error) as caught:
            bench.run(copy_object, {**itself, **members})
        assert caught.value.code == "InvalidRequest"
    bench.run(copy_object, {**itself, "StorageClass": "STANDARD"})
    assert stored(bench).attributes.metadata == {"a": "1"}
    bench.run(copy_object, {**itself, "MetadataDirective": "REPLACE"})
    assert stored(bench).attributes.metadata == {}


def test_an_old_version_is_copied_onto_its_key(bench):
    bench.version(Versioning.ENABLED)
    old = bench.put(b"old").version_id
    bench.put(b"new")
    answer = bench.run(copy_object, {"CopySource": f"/bucket/key?versionId={old}"})
    parsed = parse("CopyObject", answer)
    assert parsed["CopySourceVersionId"] == old
    assert parsed["VersionId"] == stored(bench).version_id != old
    assert bench.content() == b"old"


def test_a_version_written_meanwhile_is_not_copied(bench):
    bench.version(Versioning.ENABLED, OTHER)
    source = put_source(bench, b"old")
    copy = bench.store.copy

    async def overtaken(request):
        newer = PutRequest(bucket=OTHER, key=ObjectKey(b"from"))
        await bench.store.put(newer, WholeBody(b"new"))
        return await copy(request)

    bench.store.copy = overtaken
    parsed = parse("CopyObject", bench.run(copy_object, SOURCE))
    assert parsed["CopySourceVersionId"] == source.version_id
    assert bench.content() == b"old"


def test_the_source_version_is_named_where_versions_are_kept(bench):
    put_source(bench)
    bench.version(Versioning.SUSPENDED, OTHER)
    assert parse("CopyObject", bench.run(copy_object, SOURCE))["CopySourceVersionId"] == "null"


def test_the_checksum_asked_for_is_computed(bench):
    put_source(bench)
    answer = bench.run(copy_object, {**SOURCE, "ChecksumAlgorithm": "CRC32"})
    result = parse("CopyObject", answer)["CopyObjectResult"]
    assert (result["ChecksumCRC32"], result["ChecksumType"]) == ("NhCmhg==", "FULL_OBJECT")
    with pytest.raises(S3Error) as caught:
        bench.run(copy_object, {**SOURCE, "ChecksumAlgorithm": "ROT13"})
    assert caught.value.code == "InvalidRequest"


def test_the_source_must_be_readable(bench):
    version = put_source(bench)
    bench.refused.add(("GetObject", OTHER))
    with pytest.raises(AccessDenied):
        bench.run(copy_object, SOURCE)
    bench.run(copy_object, {"CopySource": f"other-bucket/from?versionId={version.version_id}"})
    bench.refused.add(("GetObjectVersion", OTHER))
    with pytest.raises(AccessDenied):
        bench.run(copy_object, {"CopySource": "other-bucket/from?versionId=null"})
    assert bench.asked[0] == ("GetObject", OTHER, b"from")


def test_the_source_may_be_expected_to_have_an_owner(bench):
    put_source(bench)
    bench.run(copy_object, {**SOURCE, "ExpectedSourceBucketOwner": "account-1"})
    with pytest.raises(AccessDenied):
        bench.run(copy_object, {**SOURCE, "ExpectedSourceBucketOwner": "account-2"})


@pytest.mark.parametrize(
    ("members", "is_copied"),
    [
        ({"CopySourceIfMatch": "{etag}"}, True),
        ({"CopySourceIfMatch": '"other"'}, False),
        ({"CopySourceIfNoneMatch": '"{etag}"'}, False),
        ({"CopySourceIfNoneMatch": '"other"'}, True),
        ({"CopySourceIfModifiedSince": "past"}, True),
        ({"CopySourceIfModifiedSince": "future"}, False),
        ({"CopySourceIfUnmodifiedSince": "past"}, False),
        ({"CopySourceIfUnmodifiedSince": "future"}, True),
        ({"CopySourceIfMatch": '"{etag}"', "CopySourceIfUnmodifiedSince": "past"}, True),
        ({"CopySourceIfNoneMatch": '"{etag}"', "CopySourceIfModifiedSince": "past"}, False),
    ],
)
def test_conditions_on_the_source(bench, members, is_copied):
    version = put_source(bench)
    times = {
        "past": datetime(2001, 1, 1, tzinfo=UTC),
        "future": datetime(2099, 1, 1, tzinfo=UTC),
    }
    asked = {
        name: times.get(value) or value.format(etag=version.etag) for name, value in members.items()
    }
    if is_copied:
        bench.run(copy_object, {**SOURCE, **asked})
        assert bench.content() == b"hello"
        return
    with pytest.raises(PreconditionFailed) as caught:
        bench.run(copy_object, {**SOURCE, **asked})
    name = str(caught.value.fields["condition"]).replace("-", "").lower()
    assert f"xamz{next(iter(asked))}".lower() == name
    assert not bench.store.versions["bucket"]


def test_conditions_on_the_destination(bench):
    put_source(bench)
    bench.run(copy_object, {**SOURCE, "IfNoneMatch": "*"})
    with pytest.raises(PreconditionFailed):
        bench.run(copy_object, {**SOURCE, "IfNoneMatch": "*"})
    with pytest.raises(PreconditionFailed):
        bench.run(copy_object, {**SOURCE, "IfMatch": '"other"'})


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("other-bucket/none", ObjectNotFound),
        ("other-bucket", InvalidArgument),
        ("", InvalidArgument),
        ("Bad_Bucket/from", InvalidName),
        ("arn:aws:s3:us-east-1:1:accesspoint/x/object/k", NotSupported),
        ("other-bucket/from?versionId=", InvalidArgument),
        ("other-bucket/from?versionId=abc", InvalidArgument),
    ],
)
def test_sources_that_are_none(bench, source, error):
    put_source(bench)
    with pytest.raises(error):
        bench.run(copy_object, {"CopySource": source})


def test_a_delete_marker_cannot_be_named_as_source(bench):
    bench.version(Versioning.ENABLED, OTHER)
    put_source(bench)
    marker = wait(bench.store.delete(OTHER, b"from")).version_id
    with pytest.raises(ObjectNotFound) as hidden:
        bench.run(copy_object, SOURCE)
    assert hidden.value.fields == {"key": b"from"}
    with pytest.raises(S3Error) as caught:
        bench.run(copy_object, {"CopySource": f"other-bucket/from?versionId={marker}"})
    assert caught.value.code == "InvalidRequest"


def test_a_source_above_five_gibibytes_is_refused(bench):
    put_source(bench)
    entry = bench.store.versions[OTHER][b"from"][0]
    facts = {name: getattr(entry.version, name) for name in entry.version.__struct_fields__}
    entry.version = ObjectVersion(**{**facts, "size_bytes": PUT_BYTES_MAX + 1})
    with pytest.raises(S3Error) as caught:
        bench.run(copy_object, SOURCE)
    assert caught.value.code == "InvalidRequest"
    assert not bench.store.versions["bucket"]


def test_a_redirect_is_not_copied_but_given_anew(bench):
    location = "x-amz-website-redirect-location"
    bench.put(b"x", b"from", bucket=OTHER, headers={location: "/old", "content-type": "a/b"})
    bench.run(copy_object, SOURCE)
    assert stored(bench).attributes.headers == {"content-type": "a/b"}
    bench.run(copy_object, {**SOURCE, "WebsiteRedirectLocation": "/new"})
    assert stored(bench).attributes.headers == {"content-type": "a/b", location: "/new"}
    # It alone is change enough for a copy onto itself.
    itself = {"CopySource": "bucket/key", "WebsiteRedirectLocation": "/newer"}
    bench.run(copy_object, itself)
    assert stored(bench).attributes.headers[location] == "/newer"
