import asyncio
import base64
import hashlib

import pytest

from atoll.base.errors import (
    InvalidArgument,
    InvalidPartNumber,
    InvalidRange,
    NotModified,
    ObjectNotFound,
    PreconditionFailed,
    VersionNotFound,
)
from atoll.objects.values import Versioning
from atoll.s3.actions.get_object import get_object
from atoll.s3.call import Principal
from atoll.s3.errors import S3Error
from fakes.s3_call import KEY, Bench, header
from fakes.s3_upload import upload

LONG = bytes(range(256)) * 400


@pytest.fixture
def bench():
    return Bench()


def read_all(bench, members=None, **more):
    """Return the answer and all its bytes, from one event loop."""

    async def main():
        answer = await get_object(bench.call(members, **more))
        if isinstance(answer.content, bytes):
            return answer, answer.content
        chunks = [bytes(chunk) async for chunk in answer.content]
        await answer.on_sent()
        return answer, b"".join(chunks)

    return asyncio.run(main())


class Watched:
    """A store whose opened objects are kept for looking at."""

    def __init__(self, store):
        self.opened = []
        self._open = store.open
        store.open = self.open

    async def open(self, *arguments):
        opened = await self._open(*arguments)
        self.opened.append(opened)
        return opened


def test_a_small_object_is_answered_as_bytes_and_closed(bench):
    watched = Watched(bench.store)
    bench.put(b"hello")
    answer = bench.run(get_object)
    assert (answer.status, answer.content, answer.length_bytes) == (200, b"hello", 5)
    assert answer.on_sent is None
    assert [opened.is_closed for opened in watched.opened] == [True]
    headers = dict(answer.headers)
    assert headers["etag"] == f'"{hashlib.md5(b"hello").hexdigest()}"'
    assert headers["content-type"] == "binary/octet-stream"
    assert headers["accept-ranges"] == "bytes"
    assert headers["last-modified"].endswith(" GMT")
    assert "x-amz-version-id" not in headers
    assert "x-amz-tagging-count" not in headers


def test_a_large_object_is_streamed_and_closed_when_sent(bench):
    watched = Watched(bench.store)
    bench.put(LONG)
    answer, content = read_all(bench)
    assert content == LONG
    assert answer.length_bytes == len(LONG)
    assert [opened.is_closed for opened in watched.opened] == [True]


def test_an_object_is_closed_when_its_range_is_wrong(bench):
    watched = Watched(bench.store)
    bench.put(LONG)
    with pytest.raises(InvalidRange):
        bench.run(get_object, {"Range": "bytes=102400-"})
    assert [opened.is_closed for opened in watched.opened] == [True]


@pytest.mark.parametrize("content", [b"0123456789", LONG])
@pytest.mark.parametrize(
    ("value", "first", "last"), [("bytes=2-4", 2, 4), ("bytes=5-", 5, None), ("bytes=-3", -3, None)]
)
def test_a_range_is_cut(bench, content, value, first, last):
    bench.put(content)
    answer, found = read_all(bench, {"Range": value})
    expected = content[first : None if last is None else last + 1]
    start = first % len(content)
    assert (answer.status, found, answer.length_bytes) == (206, expected, len(expected))
    place = f"bytes {start}-{start + len(expected) - 1}/{len(content)}"
    assert header(answer, "content-range") == place


@pytest.mark.parametrize("value", ["bytes=4-2", "bytes=0-1,3-4", "lines=1-2", "bytes=-", "x"])
def test_a_range_that_is_none_is_ignored(bench, value):
    bench.put(b"0123456789")
    answer = bench.run(get_object, {"Range": value})
    assert (answer.status, answer.content) == (200, b"0123456789")
    assert header(answer, "content-range") is None


@pytest.mark.parametrize(
    ("content", "value"), [(b"01", "bytes=2-"), (b"01", "bytes=-0"), (b"", "bytes=0-")]
)
def test_an_unsatisfiable_range_tells_the_size(bench, content, value):
    bench.put(content)
    with pytest.raises(InvalidRange) as caught:
        bench.run(get_object, {"Range": value})
    assert caught.value.fields == {"size_bytes": len(content), "range": value}


def test_if_range_decides_between_range_and_all(bench):
    version = bench.put(b"0123456789")
    date = header(bench.run(get_object), "last-modified")
    for value, status in [
        (f'"{version.etag}"', 206),
        ('"other"', 200),
        (f'W/"{version.etag}"', 200),
        (date, 206),
        ("Mon, 01 Jan 2001 00:00:00 GMT", 200),
    ]:
        answer = bench.run(get_object, {"Range": "bytes=0-1"}, headers=[("if-range", value)])
        assert answer.status == status, value


def test_a_part_is_read_by_its_number(bench):
    upload(bench, [b"aaaa", b"bbb", b"cc"])
    answer = bench.run(get_object, {"PartNumber": 2})
    assert (answer.status, answer.content) == (206, b"bbb")
    assert header(answer, "content-range") == "bytes 4-6/9"
    assert header(answer, "x-amz-mp-parts-count") == "3"
    with pytest.raises(InvalidPartNumber):
        bench.run(get_object, {"PartNumber": 4})


def test_part_one_of_a_plain_object_is_all_of_it(bench):
    bench.put(b"hello")
    answer = bench.run(get_object, {"PartNumber": 1})
    assert (answer.status, answer.content) == (206, b"hello")
    assert header(answer, "x-amz-mp-parts-count") is None
    bench.put(b"")
    assert bench.run(get_object, {"PartNumber": 1}).status == 200


@pytest.mark.parametrize("number", [0, -1, 10_001])
def test_a_part_number_out_of_bounds_is_invalid(bench, number):
    with pytest.raises(InvalidArgument) as caught:
        bench.run(get_object, {"PartNumber": number})
    assert caught.value.fields == {"argument": "partNumber", "found": number}


def test_range_and_part_number_exclude_each_other(bench):
    with pytest.raises(S3Error) as caught:
        bench.run(get_object, {"PartNumber": 1, "Range": "bytes=0-1"})
    assert caught.value.code == "InvalidRequest"


def test_stored_headers_and_metadata_come_back(bench):
    bench.put(
        b"x",
        headers={"content-type": "text/plain", "cache-control": "no-store", "expires": "soon"},
        metadata={"color": "blue", "city": "Zürich"},
        tags={"a": "1", "b": "2"},
    )
    headers = dict(bench.run(get_object).headers)
    assert headers["content-type"] == "text/plain"
    assert headers["cache-control"] == "no-store"
    assert headers["expires"] == "soon"
    assert headers["x-amz-meta-color"] == "blue"
    assert headers["x-amz-meta-city"] == "=?UTF-8?B?WsO8cmljaA==?="
    assert headers["x-amz-tagging-count"] == "2"


def test_overrides_replace_stored_headers_once(bench):
    bench.put(b"x", headers={"content-type": "text/plain"})
    answer = bench.run(
        get_object,
        {"ResponseContentType": "text/html", "ResponseContentDisposition": 'filename="ü"'},
    )
    names = [name for name, _ in answer.headers]
    assert header(answer, "content-type") == "text/html"
    assert header(answer, "content-disposition") == 'filename="ü"'
    assert len(names) == len(set(names))


@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "a\nb", "a\x00", "日本"])
def test_an_override_cannot_write_headers_of_its_own(bench, value):
    bench.put(b"x")
    with pytest.raises(InvalidArgument) as caught:
        bench.run(get_object, {"ResponseCacheControl": value})
    assert caught.value.fields["argument"] == "response-cache-control"


def test_overrides_need_a_signature(bench):
    bench.put(b"x")
    anonymous = Principal(access_key="", account="", display_name="")
    with pytest.raises(S3Error) as caught:
        bench.run(get_object, {"ResponseContentType": "a/b"}, principal=anonymous)
    assert caught.value.code == "InvalidRequest"


def test_checksums_are_told_in_checksum_mode_only(bench):
    bench.put(b"hello", algorithm="CRC32")
    assert header(bench.run(get_object), "x-amz-checksum-crc32") is None
    answer = bench.run(get_object, {"ChecksumMode": "ENABLED"})
    assert header(answer, "x-amz-checksum-crc32") == "NhCmhg=="
    assert header(answer, "x-amz-checksum-type") == "FULL_OBJECT"
    ranged = bench.run(get_object, {"ChecksumMode": "ENABLED", "Range": "bytes=0-1"})
    assert header(ranged, "x-amz-checksum-crc32") is None


def test_a_composite_checksum_ends_in_its_part_count(bench):
    upload(bench, [b"aaaa", b"bbb"], algorithm="SHA256")
    answer = bench.run(get_object, {"ChecksumMode": "ENABLED"})
    assert header(answer, "x-amz-checksum-sha256").endswith("=-2")
    assert header(answer, "x-amz-checksum-type") == "COMPOSITE"
    part = bench.run(get_object, {"ChecksumMode": "ENABLED", "PartNumber": 2})
    own = base64.b64encode(hashlib.sha256(b"bbb").digest()).decode()
    assert header(part, "x-amz-checksum-sha256") == own


def test_a_part_of_a_full_object_checksum_has_none_of_its_own(bench):
    upload(bench, [b"aaaa", b"bbb"], algorithm="CRC32", composite=False)
    part = bench.run(get_object, {"ChecksumMode": "ENABLED", "PartNumber": 1})
    assert header(part, "x-amz-checksum-crc32") is None
    whole = bench.run(get_object, {"ChecksumMode": "ENABLED"})
    assert header(whole, "x-amz-checksum-type") == "FULL_OBJECT"


def test_version_ids_are_shown_where_versions_are_kept(bench):
    bench.put(b"old")
    assert header(bench.run(get_object, {"VersionId": "null"}), "x-amz-version-id") == "null"
    bench.version(Versioning.ENABLED)
    assert header(bench.run(get_object), "x-amz-version-id") == "null"
    version = bench.put(b"new")
    assert header(bench.run(get_object), "x-amz-version-id") == version.version_id
    old = bench.run(get_object, {"VersionId": "null"})
    assert old.content == b"old"


def test_what_is_not_there(bench):
    with pytest.raises(ObjectNotFound):
        bench.run(get_object)
    bench.put(b"x")
    with pytest.raises(VersionNotFound):
        bench.run(get_object, {"VersionId": "0" * 32})
    with pytest.raises(InvalidArgument):
        bench.run(get_object, {"VersionId": ""})


def test_conditions_reach_the_store(bench):
    version = bench.put(b"x")
    assert bench.run(get_object, {"IfMatch": f'"{version.etag}"'}).content == b"x"
    with pytest.raises(PreconditionFailed):
        bench.run(get_object, {"IfMatch": '"other"'})
    with pytest.raises(NotModified):
        bench.run(get_object, {"IfNoneMatch": f'W/"{version.etag}"'})
    assert KEY in bench.store.versions["bucket"]
