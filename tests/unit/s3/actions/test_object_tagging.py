import pytest

from atoll.base.errors import InvalidTag, MethodNotAllowed, ObjectNotFound
from atoll.objects.values import Versioning
from atoll.s3.actions.delete_object_tagging import delete_object_tagging
from atoll.s3.actions.get_object_tagging import get_object_tagging
from atoll.s3.actions.put_object_tagging import put_object_tagging
from atoll.s3.errors import S3Error
from fakes.s3_call import BUCKET, KEY, Bench, parse, wait


@pytest.fixture
def bench():
    return Bench()


def tagging(**tags):
    return {"Tagging": {"TagSet": [{"Key": key, "Value": tags[key]} for key in tags]}}


def test_tags_are_replaced_read_and_removed(bench):
    bench.put(b"x", tags={"old": "1"})
    assert bench.run(put_object_tagging, tagging(a="1", b="ü")).status == 200
    parsed = parse("GetObjectTagging", bench.run(get_object_tagging))
    assert parsed == {"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "ü"}]}
    assert bench.run(delete_object_tagging).status == 204
    assert parse("GetObjectTagging", bench.run(get_object_tagging)) == {"TagSet": []}


def test_tags_belong_to_a_version(bench):
    bench.version(Versioning.ENABLED)
    old = bench.put(b"x", tags={"v": "1"}).version_id
    new = bench.put(b"y", tags={"v": "2"}).version_id
    answer = bench.run(put_object_tagging, {**tagging(v="3"), "VersionId": old})
    assert parse("PutObjectTagging", answer) == {"VersionId": old}
    current = parse("GetObjectTagging", bench.run(get_object_tagging))
    assert current == {"VersionId": new, "TagSet": [{"Key": "v", "Value": "2"}]}
    removed = bench.run(delete_object_tagging, {"VersionId": old})
    assert parse("DeleteObjectTagging", removed) == {"VersionId": old}
    assert parse("GetObjectTagging", bench.run(get_object_tagging, {"VersionId": old})) == {
        "VersionId": old,
        "TagSet": [],
    }


def test_bad_tags_change_nothing(bench):
    bench.put(b"x", tags={"old": "1"})
    with pytest.raises(InvalidTag):
        bench.run(put_object_tagging, tagging(**{"aws:x": "1"}))
    twice = {"Tagging": {"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}}
    with pytest.raises(InvalidTag):
        bench.run(put_object_tagging, twice)
    with pytest.raises(S3Error) as caught:
        bench.run(put_object_tagging, tagging(**{f"k{n}": "v" for n in range(11)}))
    assert caught.value.code == "BadRequest"
    assert bench.store._find(BUCKET, KEY, None).version.attributes.tags == {"old": "1"}


@pytest.mark.parametrize(
    ("action", "members"),
    [(get_object_tagging, {}), (put_object_tagging, tagging(a="1")), (delete_object_tagging, {})],
)
def test_what_is_not_there_has_no_tags(bench, action, members):
    with pytest.raises(ObjectNotFound):
        bench.run(action, members)
    bench.version(Versioning.ENABLED)
    marker = wait(bench.store.delete(BUCKET, KEY)).version_id
    with pytest.raises(MethodNotAllowed):
        bench.run(action, {**members, "VersionId": marker})
