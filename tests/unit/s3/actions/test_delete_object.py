import pytest

from atoll.base.errors import (
    BucketNotFound,
    InvalidArgument,
    NotSupported,
    ObjectNotFound,
    PreconditionFailed,
)
from atoll.objects.values import Versioning
from atoll.s3.actions.delete_object import delete_object
from fakes.s3_call import Bench, parse


@pytest.fixture
def bench():
    return Bench()


def test_a_key_is_removed_and_removing_it_again_succeeds(bench):
    bench.put(b"x")
    for _ in range(2):
        answer = bench.run(delete_object)
        assert (answer.status, answer.headers) == (204, ())
    assert not bench.store.versions["bucket"]


def test_a_delete_marker_is_made_and_removed(bench):
    bench.version(Versioning.ENABLED)
    version = bench.put(b"x")
    made = parse("DeleteObject", bench.run(delete_object))
    assert made["DeleteMarker"] is True
    gone = parse("DeleteObject", bench.run(delete_object, {"VersionId": made["VersionId"]}))
    assert gone == made
    assert bench.content() == b"x"
    old = parse("DeleteObject", bench.run(delete_object, {"VersionId": version.version_id}))
    assert old == {"VersionId": version.version_id}


def test_a_delete_may_have_a_condition(bench):
    version = bench.put(b"x")
    with pytest.raises(PreconditionFailed):
        bench.run(delete_object, {"IfMatch": '"other"'})
    assert bench.content() == b"x"
    bench.run(delete_object, {"IfMatch": f'"{version.etag}"'})
    with pytest.raises(ObjectNotFound):
        bench.run(delete_object, {"IfMatch": "*"})


@pytest.mark.parametrize("name", ["IfMatchSize", "IfMatchLastModifiedTime"])
def test_conditions_of_directory_buckets_are_refused(bench, name):
    bench.put(b"x")
    with pytest.raises(NotSupported):
        bench.run(delete_object, {name: 1})
    assert bench.content() == b"x"


def test_an_empty_version_id_and_a_missing_bucket(bench):
    with pytest.raises(InvalidArgument):
        bench.run(delete_object, {"VersionId": ""})
    with pytest.raises(BucketNotFound):
        bench.run(delete_object, bucket="no-such-bucket")


@pytest.mark.parametrize("tag", ["*", '"{etag}"', 'W/"{etag}", "x"'])
@pytest.mark.parametrize("by_version", [False, True])
def test_a_delete_may_spare_what_the_caller_knows(bench, tag, by_version):
    bench.version(Versioning.ENABLED)
    version = bench.put(b"x")
    members = {"VersionId": version.version_id} if by_version else {}
    none_match = ("if-none-match", tag.format(etag=version.etag))
    with pytest.raises(PreconditionFailed):
        bench.run(delete_object, members, headers=[none_match])
    assert bench.content() == b"x"
    bench.run(delete_object, members, headers=[("if-none-match", '"other"')])
    with pytest.raises(ObjectNotFound):
        bench.content()
