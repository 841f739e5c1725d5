"""Bodies: framing, lengths, signed digests, promised checksums."""

import asyncio
import base64
import hashlib
import io
import zlib

import pytest
from botocore.httpchecksum import (
    AwsChunkedWrapper,
    Crc32Checksum,
    CrtCrc32cChecksum,
    CrtCrc64NvmeChecksum,
)

from atoll.base import errors as e
from atoll.base.streams import CHUNK_BYTES_MAX, WholeBody
from atoll.http.messages import Headers
from atoll.objects.digests import ContentDigests
from atoll.s3.body import check_framed, open_body, read_document, stored_content_encoding
from atoll.s3.errors import S3Error
from atoll.s3.gate import Gate
from fakes.http import ChunksBody, make_request
from fakes.signing import (
    ACCOUNT,
    NOW_NS,
    REGION,
    SIGNED_STREAM,
    FakeSecrets,
    frame_plain,
    frame_signed,
    sign,
)

CONTENT = b"some content of an object " * 40
CONTENT_BYTES = len(CONTENT)
UNSIGNED_STREAM = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
SIGNED_TRAILER = SIGNED_STREAM + "-TRAILER"
CRC = "x-amz-checksum-crc32"


def crc32(content):
    return base64.b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()


def md5(content):
    return base64.b64encode(hashlib.md5(content).digest()).decode()


def authenticate(request):
    return Gate(FakeSecrets(), region=REGION, root_account=ACCOUNT).authenticate(request, NOW_NS)


def as_stream(request, step=100):
    """Let the body of a request arrive in pieces."""
    content = request.body.whole
    pieces = [content[start : start + step] for start in range(0, len(content), step)]
    request.body = ChunksBody(pieces, length_bytes=len(content))
    return request


def put(headers=None, content=CONTENT, *, frame=None, is_whole=True, payload=None, kind="header"):
    """Return a signed PUT. `frame` makes the bytes of the wire from the authenticated request."""
    request = sign("PUT", "/bucket/key", headers, content, payload=payload, kind=kind)
    who = authenticate(request)
    if frame is not None:
        request.body = make_request("PUT", "/", body=frame(who)).body
    return (request if is_whole else as_stream(request)), who


def read(request, who, **options):
    """Return the open body and its content, read to the end."""

    async def run():
        body = open_body(request, who, **options)
        chunks = [chunk async for chunk in body]
        assert all(type(chunk) is bytes and 0 < len(chunk) <= CHUNK_BYTES_MAX for chunk in chunks)
        return body, b"".join(chunks)

    return asyncio.run(run())


BOTH = pytest.mark.parametrize("is_whole", [True, False], ids=["whole", "stream"])


# ── plain bytes ────────────────────────────────────────────────────────────────────────────────


@BOTH
@pytest.mark.parametrize("payload", [None, "UNSIGNED-PAYLOAD"])
@pytest.mark.parametrize("content", [b"", b"x", CONTENT])
def test_plain_bodies_are_read(is_whole, payload, content):
    body, found = read(*put(content=content, is_whole=is_whole, payload=payload))
    assert found == content
    assert body.size_bytes == len(content)
    assert (body.whole == content) if is_whole else (body.whole is None)
    assert (body.promised().md5, body.promised().checksums) == (None, {})
    assert body.algorithms == ()


@BOTH
def test_content_that_differs_from_its_signed_digest_is_refused(is_whole):
    wrong = hashlib.sha256(b"other").hexdigest()
    request, who = put(payload=wrong, is_whole=is_whole)
    with pytest.raises(e.PayloadMismatch) as caught:
        read(request, who)
    assert caught.value.fields["found"] == hashlib.sha256(CONTENT).hexdigest()


def test_a_digest_in_capitals_is_the_same_digest():
    digest = hashlib.sha256(CONTENT).hexdigest().upper()
    assert read(*put(payload=digest))[1] == CONTENT


def test_a_body_of_unknown_length_is_counted():
    request, who = put()
    request.body = ChunksBody([CONTENT, CONTENT[:0]], length_bytes=None)
    body = open_body(request, who)
    assert body.size_bytes is None

    async def run():
        return b"".join([chunk async for chunk in body])

    assert asyncio.run(run()) == CONTENT
    assert body.size_bytes == len(CONTENT)


class ShortBody(ChunksBody):
    """A RawBody that does not count for itself."""

    async def __aiter__(self):
        for chunk in self.chunks:
            yield chunk


@pytest.mark.parametrize("length", [len(CONTENT) - 1, len(CONTENT) + 1])
def test_content_of_another_length_is_refused(length):
    request, who = put(payload="UNSIGNED-PAYLOAD")
    request.body = ShortBody([CONTENT], length_bytes=length)
    with pytest.raises(e.IncompleteBody):
        read(request, who)
    request, who = put(payload="UNSIGNED-PAYLOAD")
    request.body.length_bytes = length
    with pytest.raises(e.IncompleteBody):
        open_body(request, who)


def test_large_pieces_are_cut():
    content = bytes(CHUNK_BYTES_MAX) + b"tail"
    request, who = put(content=b"", payload="UNSIGNED-PAYLOAD")
    request.body = ChunksBody([content], length_bytes=len(content))
    assert read(request, who)[1] == content


def test_nothing_is_asked_of_the_client_before_the_body_is_read():
    request, who = put(is_whole=False)
    open_body(request, who)
    assert request.body.read_count == 0


# ── aws-chunked ────────────────────────────────────────────────────────────────────────────────


def chunked_headers(*, trailer=False, encoding="aws-chunked", length=CONTENT_BYTES):
    headers = {"x-amz-decoded-content-length": str(length)}
    if encoding:
        headers["content-encoding"] = encoding
    if trailer:
        headers["x-amz-trailer"] = CRC
    return headers


def pieces(content=CONTENT, step=300):
    return [content[start : start + step] for start in range(0, len(content), step)]


@BOTH
@pytest.mark.parametrize("encoding", ["aws-chunked", "", "gzip,aws-chunked"])
def test_signed_chunks_are_decoded(is_whole, encoding):
    body, found = read(
        *put(
            chunked_headers(encoding=encoding),
            payload=SIGNED_STREAM,
            frame=lambda who: frame_signed(who.seed.signature, pieces()),
            is_whole=is_whole,
        )
    )
    assert found == CONTENT
    assert body.size_bytes == len(CONTENT)


@BOTH
@pytest.mark.parametrize("payload", [SIGNED_TRAILER, UNSIGNED_STREAM])
def test_trailers_are_promises(is_whole, payload):
    fields = {CRC: crc32(CONTENT)}

    def frame(who):
        if who.seed is None:
            return frame_plain(pieces(), fields)
        return frame_signed(who.seed.signature, pieces(), fields)

    request, who = put(
        chunked_headers(trailer=True), payload=payload, frame=frame, is_whole=is_whole
    )
    assert open_body(request, who).algorithms == ("CRC32",)
    body, found = read(request, who)
    assert found == CONTENT
    assert body.promised().checksums == {"CRC32": zlib.crc32(CONTENT).to_bytes(4, "big")}


@BOTH
@pytest.mark.parametrize("checksum", [Crc32Checksum, CrtCrc32cChecksum, CrtCrc64NvmeChecksum])
@pytest.mark.parametrize("size", [0, 1, 700, 1001])
def test_bodies_framed_by_botocore_are_decoded(is_whole, checksum, size):
    content = CONTENT[:size]
    name = {
        Crc32Checksum: "CRC32",
        CrtCrc32cChecksum: "CRC32C",
        CrtCrc64NvmeChecksum: "CRC64NVME",
    }[checksum]
    header = f"x-amz-checksum-{name.lower()}"
    framed = AwsChunkedWrapper(
        io.BytesIO(content), checksum_cls=checksum, checksum_name=header, chunk_size=350
    ).read()
    request, who = put(
        chunked_headers(length=size) | {"x-amz-trailer": header},
        payload=UNSIGNED_STREAM,
        frame=lambda _: framed,
        is_whole=is_whole,
    )
    body, found = read(request, who)
    assert found == content
    digests = ContentDigests(body.algorithms)
    digests.update(content)
    digests.verify(body.promised())
    assert list(body.promised().checksums) == [name]


@BOTH
@pytest.mark.parametrize("place", [100, 500, -60])
def test_a_changed_signed_chunk_is_refused(is_whole, place):
    def frame(who):
        framed = bytearray(frame_signed(who.seed.signature, pieces()))
        framed[place] ^= 1
        return bytes(framed)

    request, who = put(chunked_headers(), payload=SIGNED_STREAM, frame=frame, is_whole=is_whole)
    with pytest.raises((e.SignatureMismatch, e.IncompleteBody)):
        read(request, who)


@BOTH
def test_framed_content_shorter_or_longer_than_announced_is_refused(is_whole):
    for length in (len(CONTENT) - 1, len(CONTENT) + 1):
        request, who = put(
            chunked_headers(length=length),
            payload=SIGNED_STREAM,
            frame=lambda who: frame_signed(who.seed.signature, pieces()),
            is_whole=is_whole,
        )
        with pytest.raises(e.IncompleteBody):
            read(request, who)


@BOTH
def test_a_missing_last_chunk_is_refused(is_whole):
    request, who = put(
        chunked_headers(trailer=True),
        payload=UNSIGNED_STREAM,
        frame=lambda _: frame_plain(pieces())[: -len(b"0\r\n\r\n")],
        is_whole=is_whole,
    )
    with pytest.raises(e.IncompleteBody):
        read(request, who)


@BOTH
@pytest.mark.parametrize(
    "fields", [{}, {"x-amz-checksum-sha1": "AA"}, {CRC: "AA==", "x-more": "1"}]
)
def test_a_trailer_that_is_not_the_announced_one_is_refused(is_whole, fields):
    request, who = put(
        chunked_headers(trailer=True),
        payload=UNSIGNED_STREAM,
        frame=lambda _: frame_plain(pieces(), fields),
        is_whole=is_whole,
    )
    with pytest.raises(e.TrailerMalformed):
        read(request, who)


@BOTH
@pytest.mark.parametrize("value", ["AAAA", "not base64", "AAAAAAA="])
def test_a_malformed_trailing_checksum_is_refused(is_whole, value):
    request, who = put(
        chunked_headers(trailer=True),
        payload=UNSIGNED_STREAM,
        frame=lambda _: frame_plain(pieces(), {CRC: value}),
        is_whole=is_whole,
    )
    with pytest.raises(S3Error, match="trailing header"):
        read(request, who)


@pytest.mark.parametrize("length", [None, "", "-1", "1e3", "9" * 19])
def test_the_decoded_length_is_needed(length):
    headers = {} if length is None else {"x-amz-decoded-content-length": length}
    request, who = put(headers, payload=SIGNED_STREAM)
    with pytest.raises(S3Error) as caught:
        open_body(request, who)
    assert caught.value.code == "MissingContentLength"


@pytest.mark.parametrize(
    ("kind", "payload"), [("v2", None), ("header", "UNSIGNED-PAYLOAD")], ids=["v2", "unsigned"]
)
def test_content_encoding_alone_tells_framing_where_nothing_else_can(kind, payload):
    fields = {CRC: crc32(CONTENT)}
    request, who = put(
        chunked_headers(trailer=True),
        kind=kind,
        payload=payload,
        frame=lambda _: frame_plain(pieces(), fields),
    )
    assert read(request, who)[1] == CONTENT


@pytest.mark.parametrize("at", [0, -1])
def test_content_encoding_may_come_in_several_lines(at):
    fields = {CRC: crc32(CONTENT)}
    request, who = put(
        chunked_headers(trailer=True),
        payload="UNSIGNED-PAYLOAD",
        frame=lambda _: frame_plain(pieces(), fields),
    )
    pairs = list(request.headers.pairs)
    pairs.insert(at % (len(pairs) + 1), ("content-encoding", "gzip"))
    request.headers = Headers(pairs)
    assert read(request, who)[1] == CONTENT


def test_framing_that_contradicts_a_signed_digest_is_refused():
    request, who = put(chunked_headers())
    with pytest.raises(S3Error):
        open_body(request, who)


def test_framing_behind_a_presigned_url_is_refused():
    request, who = put(chunked_headers(), b"", kind="query")
    with pytest.raises(S3Error):
        open_body(request, who)


def test_a_left_over_content_encoding_does_not_make_plain_bytes_framed():
    assert read(*put({"content-encoding": "aws-chunked"}))[1] == CONTENT


@pytest.mark.parametrize(
    ("headers", "payload"),
    [
        ({"x-amz-trailer": CRC}, None),
        (chunked_headers(trailer=True), SIGNED_STREAM),
        (chunked_headers() | {"x-amz-trailer": "x-amz-meta-late"}, UNSIGNED_STREAM),
        (chunked_headers() | {"x-amz-trailer": f"{CRC},{CRC}"}, UNSIGNED_STREAM),
        (chunked_headers(trailer=True) | {CRC: "AAAAAA=="}, UNSIGNED_STREAM),
    ],
)
def test_trailers_where_none_can_be_are_refused(headers, payload):
    request, who = put(headers, payload=payload)
    with pytest.raises(S3Error) as caught:
        open_body(request, who)
    assert caught.value.code == "InvalidRequest"


# ── promised digests ───────────────────────────────────────────────────────────────────────────

VALUES = {
    "crc32": ("CRC32", 4),
    "crc32c": ("CRC32C", 4),
    "crc64nvme": ("CRC64NVME", 8),
    "sha1": ("SHA1", 20),
    "sha256": ("SHA256", 32),
}


@BOTH
@pytest.mark.parametrize("name", VALUES)
def test_checksum_headers_are_promises(is_whole, name):
    algorithm, size = VALUES[name]
    raw = bytes(range(size))
    headers = {
        f"x-amz-checksum-{name}": base64.b64encode(raw).decode(),
        "x-amz-sdk-checksum-algorithm": algorithm,
        "content-md5": md5(CONTENT),
    }
    body, _ = read(*put(headers, is_whole=is_whole))
    assert body.algorithms == (algorithm,)
    assert body.promised().checksums == {algorithm: raw}
    assert body.promised().md5 == hashlib.md5(CONTENT).digest()


@pytest.mark.parametrize("value", ["", "AAA", "A===", base64.b64encode(b"short").decode(), "é"])
def test_a_malformed_content_md5_is_refused(value):
    request, who = put({}, payload="UNSIGNED-PAYLOAD")
    request.headers = Headers([*request.headers.pairs, ("content-md5", value)])
    with pytest.raises(e.InvalidDigest):
        open_body(request, who)


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("value", ["AA==", "%%%%", base64.b64encode(bytes(33)).decode()])
def test_a_malformed_checksum_is_refused(name, value):
    request, who = put({f"x-amz-checksum-{name}": value})
    with pytest.raises(S3Error, match=f"Value for x-amz-checksum-{name} header is invalid"):
        open_body(request, who)


@pytest.mark.parametrize(
    "headers",
    [
        {CRC: "AAAAAA==", "x-amz-checksum-crc32c": "AAAAAA=="},
        {"x-amz-sdk-checksum-algorithm": "CRC32"},
        {"x-amz-sdk-checksum-algorithm": "MD4", CRC: "AAAAAA=="},
        {"x-amz-sdk-checksum-algorithm": "CRC32C", CRC: "AAAAAA=="},
    ],
)
def test_checksum_headers_that_do_not_fit_together_are_refused(headers):
    request, who = put(headers)
    with pytest.raises(S3Error) as caught:
        open_body(request, who)
    assert caught.value.code == "InvalidRequest"


def test_headers_beside_a_checksum_are_not_checksums():
    headers = {"x-amz-checksum-mode": "ENABLED", "x-amz-checksum-type": "FULL_OBJECT",
               "x-amz-checksum-algorithm": "CRC32"}  # fmt: skip
    assert read(*put(headers))[0].algorithms == ()


def test_checksums_of_an_object_are_not_of_the_body():
    headers = {CRC: "AAAAAA==", "x-amz-checksum-crc32c": "AAAAAA=="}
    body, _ = read(*put(headers), has_checksums=False)
    assert (body.algorithms, body.promised().checksums) == ((), {})


# ── documents and stored headers ───────────────────────────────────────────────────────────────


@BOTH
@pytest.mark.parametrize(
    "headers",
    [{}, {"content-md5": md5(CONTENT)}, {CRC: crc32(CONTENT)}],
    ids=["none", "md5", "crc"],
)
def test_documents_are_read_and_compared(is_whole, headers):
    request, who = put(headers, is_whole=is_whole)
    assert asyncio.run(read_document(open_body(request, who), len(CONTENT))) == CONTENT


@BOTH
@pytest.mark.parametrize("headers", [{"content-md5": md5(b"other")}, {CRC: crc32(b"other")}])
def test_documents_of_other_digests_are_refused(is_whole, headers):
    request, who = put(headers, is_whole=is_whole)
    with pytest.raises(e.DigestMismatch):
        asyncio.run(read_document(open_body(request, who), 10_000))


@BOTH
def test_documents_that_are_too_long_are_refused_unread(is_whole):
    request, who = put(is_whole=is_whole)
    with pytest.raises(e.TooLarge):
        asyncio.run(read_document(open_body(request, who), len(CONTENT) - 1))


def test_documents_of_unknown_length_are_read_up_to_the_limit():
    request, who = put(payload="UNSIGNED-PAYLOAD")
    request.body = raw = ChunksBody([b"x" * 10] * 10, length_bytes=None)
    with pytest.raises(e.TooLarge):
        asyncio.run(read_document(open_body(request, who), 25))
    assert raw.read_count == 3


def test_a_document_in_memory_is_taken_as_it_is():
    assert asyncio.run(read_document(WholeBody(b"<a/>"), 10)) == b"<a/>"


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (None, None),
        ("", None),
        ("gzip", "gzip"),
        ("gzip, br", "gzip, br"),
        ("aws-chunked", None),
        ("AWS-Chunked", None),
        ("aws-chunked,gzip", "gzip"),
        ("gzip, aws-chunked, br", "gzip,br"),
        ("x-aws-chunked", "x-aws-chunked"),
    ],
)
def test_only_the_framing_is_taken_out_of_content_encoding(value, wanted):
    assert stored_content_encoding(value) == wanted


@pytest.mark.parametrize("headers", [{"content-length": "0"}, {"transfer-encoding": "chunked"}])
def test_a_request_that_says_where_its_content_ends_is_framed(headers):
    check_framed(Headers(list(headers.items())))


def test_a_forgotten_body_is_not_an_empty_one():
    with pytest.raises(S3Error) as caught:
        check_framed(Headers([("host", "a")]))
    assert caught.value.code == "MissingContentLength"


def test_two_digests_of_one_kind_are_refused():
    request, who = put({"content-md5": md5(CONTENT)})
    request.headers = Headers([*request.headers.pairs, ("content-md5", md5(b"other"))])
    with pytest.raises(e.InvalidDigest):
        open_body(request, who)
