import pytest

from atoll.base.errors import InvalidRange, MethodNotAllowed, NotModified, ObjectNotFound
from atoll.objects.values import Versioning
from atoll.s3.actions.get_object import get_object
from atoll.s3.actions.head_object import head_object
from fakes.s3_call import BUCKET, KEY, Bench, header, parse, wait


@pytest.fixture
def bench():
    return Bench()


@pytest.mark.parametrize(
    "members", [{}, {"Range": "bytes=1-2"}, {"PartNumber": 1}, {"ChecksumMode": "ENABLED"}]
)
def test_head_answers_what_get_answers_without_content(bench, members):
    bench.put(b"hello", algorithm="SHA1", metadata={"a": "1"}, headers={"expires": "never"})
    head, get = bench.run(head_object, members), bench.run(get_object, members)
    assert (head.status, head.headers) == (get.status, get.headers)
    assert head.length_bytes == get.length_bytes
    assert head.content is None
    assert head.on_sent is None


def test_a_client_reads_the_headers(bench):
    version = bench.put(
        b"hello", headers={"content-type": "a/b"}, metadata={"k": "v"}, algorithm="CRC32"
    )
    parsed = parse("HeadObject", bench.run(head_object, {"ChecksumMode": "ENABLED"}))
    assert parsed["ETag"] == f'"{version.etag}"'
    assert parsed["Metadata"] == {"k": "v"}
    assert parsed["ContentType"] == "a/b"
    assert parsed["ChecksumCRC32"] == "NhCmhg=="
    assert parsed["LastModified"].timestamp() == version.modified_ns // 10**9


def test_head_closes_what_it_opened(bench):
    opened = []
    inner = bench.store.open

    async def watched(*arguments):
        opened.append(await inner(*arguments))
        return opened[-1]

    bench.store.open = watched
    bench.put(b"x" * 50_000)
    bench.run(head_object)
    with pytest.raises(InvalidRange):
        bench.run(head_object, {"Range": "bytes=50000-"})
    assert [each.is_closed for each in opened] == [True, True]


def test_delete_markers_are_told_apart_from_absence(bench):
    with pytest.raises(ObjectNotFound) as caught:
        bench.run(head_object)
    assert "delete_marker" not in caught.value.fields
    bench.version(Versioning.ENABLED)
    bench.put(b"x")
    marker = wait(bench.store.delete(BUCKET, KEY))
    with pytest.raises(ObjectNotFound) as caught:
        bench.run(head_object)
    assert caught.value.fields["delete_marker"] == marker.version_id
    with pytest.raises(MethodNotAllowed):
        bench.run(head_object, {"VersionId": marker.version_id})


def test_not_modified(bench):
    version = bench.put(b"x")
    with pytest.raises(NotModified):
        bench.run(head_object, {"IfNoneMatch": version.etag})
    assert header(bench.run(head_object, {"IfNoneMatch": '"other"'}), "etag")
