"""Hostile input over a real socket: each rule of safety by name, and that nothing was changed.

The node holds one object. After each request it must be as before, and alone.
"""

from __future__ import annotations

import base64
import hashlib
import socket
import time
import zlib
from collections.abc import Iterator

import pytest

from cluster.harness.hostile_http import TRAILER, Attacker, read_only_answer
from cluster.node_process import NodeProcess
from cluster.s3_client import S3Client

pytestmark = [pytest.mark.process, pytest.mark.slow]

BEFORE = b"what was there before"
TARGET = "/box/key"
#: A document of 2 MiB takes a fraction of a second on an idle machine.
_DOCUMENT_SECONDS_MAX = 15.0
#: Less than the time after which slow clients are given up: others do not wait for that.
_SERVED_S = 15.0
#: What the longest document may add to the peak of a node's memory.
_GROWTH_BYTES_MAX = 128 << 20


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """Return a node with one object in one bucket."""
    with NodeProcess(tmp_path_factory.mktemp("hostile")) as running:
        with S3Client(running) as client:
            assert client.put("/box", b"").status == 200
            assert client.put(TARGET, BEFORE).status == 200
        yield running


@pytest.fixture
def attacker(node: NodeProcess) -> Iterator[Attacker]:
    """Return an attacker; after the test the node must be as before."""
    yield Attacker(node)
    assert node.is_running
    with S3Client(node) as client:
        assert client.get(TARGET).body == BEFORE
        assert list(client.list_keys("box")) == ["key"]
        assert client.call("GET", "/box", query={"uploads": ""}).find("Upload/Key") == []
        assert client.call("GET", "/").find("Buckets/Bucket/Name") == ["box"]
    assert "Traceback" not in node.errors


# ── HTTP: where a request ends, and what its head may hold ─────────────────────────────────────

_CHUNKED = b"5\r\nhello\r\n0\r\n\r\n"
_GET = b"GET /box HTTP/1.1\r\nHost: x\r\n\r\n"

FRAMINGS = {
    "length and transfer coding": (["Content-Length: 5", "Transfer-Encoding: chunked"], 400),
    "two equal lengths": (["Content-Length: 5", "Content-Length: 5"], 400),
    "two lengths": (["Content-Length: 5", "Content-Length: 6"], 400),
    "a list of lengths": (["Content-Length: 5, 5"], 400),
    "a signed length": (["Content-Length: +5"], 400),
    "a negative length": (["Content-Length: -5"], 400),
    "a length in hex": (["Content-Length: 0x5"], 400),
    "a length beyond 64 bits": (["Content-Length: 99999999999999999999"], 400),
    "a length beyond any object": ([f"Content-Length: {7 << 30}"], 413),
    "no length": ([], 411),
    "two transfer codings": (["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], 400),
    "an unknown transfer coding": (["Transfer-Encoding: gzip, chunked"], 501),
    "a misspelt transfer coding": (["Transfer-Encoding: xchunked"], 400),
    "white space before a colon": (["Content-Length: 5", "Transfer-Encoding : chunked"], 400),
    "a folded header": (["Content-Length: 5", "X-A: b\r\n c"], 400),
    "a bare line feed": (["Content-Length: 5", "X-A: b\nX-B: c"], 400),
    "a bare carriage return": (["Content-Length: 5", "X-A: b\rX-B: c"], 400),
    "a NUL": (["Content-Length: 5", "X-A: b\0c"], 400),
    "a header without a colon": (["Content-Length: 5", "X-A"], 400),
    "a second host": (["Content-Length: 5", "Host: elsewhere"], 400),
    "an unknown expectation": (["Content-Length: 5", "Expect: something"], 417),
    "too many headers": (["Content-Length: 5", *(f"X-{n}: 1" for n in range(600))], 431),
    "too large headers": (["Content-Length: 5", "X-A: " + "a" * 40_000], 431),
}


@pytest.mark.parametrize("rule", FRAMINGS)
def test_an_ambiguous_or_oversized_head_is_refused(attacker: Attacker, rule: str) -> None:
    lines, status = FRAMINGS[rule]
    # The body of one reading is the next request of another.
    assert attacker.ask(attacker.head("PUT", TARGET) + lines, _CHUNKED + _GET)[0] == status


REQUEST_LINES = {
    "no version": (b"GET /\r\n\r\n", 400),
    "another version": (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
    "two spaces": (b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "another host in the target": (b"GET http://y/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a tunnel": (b"CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n", 405),
    "a fragment": (b"GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a long target": (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "a TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
}


@pytest.mark.parametrize("rule", REQUEST_LINES)
def test_a_malformed_request_line_is_refused(attacker: Attacker, rule: str) -> None:
    raw, status = REQUEST_LINES[rule]
    assert read_only_answer(attacker.send(raw))[0] == status


CHUNKINGS = {
    "a size that is no number": b"x\r\nhello\r\n0\r\n\r\n",
    "a negative size": b"-5\r\nhello\r\n0\r\n\r\n",
    "a size with a prefix": b"0x5\r\nhello\r\n0\r\n\r\n",
    "a size beyond 64 bits": b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "a line feed alone": b"5\nhello\n0\n\n",
    "a chunk longer than its size": b"4\r\nhello\r\n0\r\n\r\n",
    "an extension with a control character": b"5;a=\x01\r\nhello\r\n0\r\n\r\n",
    "an extension without an end": b"5;" + b"a" * 70_000,
    "trailers without an end": b"0\r\n" + b"a: b\r\n" * 20_000,
}


@pytest.mark.parametrize("rule", CHUNKINGS)
def test_a_malformed_transfer_coding_is_refused(attacker: Attacker, rule: str) -> None:
    lines = attacker.head("PUT", "/box/new", {"x-amz-decoded-content-length": "5"})
    answer = attacker.ask([*lines, "Transfer-Encoding: chunked"], CHUNKINGS[rule])
    assert answer[0] in (400, 411)


def test_a_body_that_breaks_off_is_no_object(attacker: Attacker) -> None:
    for size_bytes in (10, 200_000):
        lines = [*attacker.head("PUT", TARGET), f"Content-Length: {size_bytes}", "", ""]
        answer = attacker.send("\r\n".join(lines).encode() + b"half", is_cut=True)
        assert read_only_answer(answer) == (400, "IncompleteBody")


def test_a_refused_body_is_not_the_next_request(attacker: Attacker, node: NodeProcess) -> None:
    lines = [*attacker.head("PUT", "/nowhere-at-all/key"), "Content-Length: 3000000", "", ""]
    answer = attacker.send("\r\n".join(lines).encode() + _GET * 100)
    assert read_only_answer(answer) == (404, "NoSuchBucket")


def test_half_sent_heads_do_not_keep_others_waiting(attacker: Attacker, node: NodeProcess) -> None:
    opened = [socket.create_connection(("127.0.0.1", node.port), 20) for _ in range(200)]
    try:
        for connection in opened:
            connection.sendall(b"PUT /box/slow HTTP/1.1\r\nHost: ")
        began = time.monotonic()
        with S3Client(node) as client:
            assert client.get(TARGET).status == 200
        assert time.monotonic() - began < _SERVED_S
    finally:
        for connection in opened:
            connection.close()


# ── aws-chunked bodies ─────────────────────────────────────────────────────────────────────────

_CRC = "x-amz-checksum-crc32"
_VALUE = base64.b64encode(zlib.crc32(b"hello").to_bytes(4, "big"))
_WHOLE = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:" + _VALUE + b"\r\n\r\n"
_TRAILER_BAD = (400, "MalformedTrailerError")
_BODY_BAD = (400, "IncompleteBody")

STREAMS = {
    "a wrong trailer": (_WHOLE.replace(_VALUE, b"AAAAAA=="), {}, (400, "BadDigest")),
    "a trailer that is no checksum": (
        _WHOLE.replace(_VALUE, b"AAAA"),
        {},
        (400, "InvalidRequest"),
    ),
    "a trailer announced but absent": (b"5\r\nhello\r\n0\r\n\r\n", {}, _TRAILER_BAD),
    "a trailer not announced": (_WHOLE, {"x-amz-trailer": "x-amz-checksum-sha1"}, _TRAILER_BAD),
    "an unknown trailer": (_WHOLE, {"x-amz-trailer": "x-evil"}, (400, "InvalidRequest")),
    "a trailer without an end": (_WHOLE[:-2], {}, _TRAILER_BAD),
    "a trailer of many lines": (_WHOLE[:-2] + b"x: y\r\n" * 9000, {}, _TRAILER_BAD),
    "no last chunk": (b"5\r\nhello\r\n", {}, _BODY_BAD),
    "bytes behind the end": (_WHOLE + b"more", {}, _TRAILER_BAD),
    "a chunk behind the end": (_WHOLE + b"5\r\nhello\r\n", {}, _TRAILER_BAD),
    "an extension": (_WHOLE.replace(b"5\r", b"5;a=b\r", 1), {}, _BODY_BAD),
    "a negative size": (_WHOLE.replace(b"5\r", b"-5\r", 1), {}, _BODY_BAD),
    "a size of 64 bits": (_WHOLE.replace(b"5\r", b"ffffffffffffffff\r", 1), {}, _BODY_BAD),
    "a size beyond 64 bits": (_WHOLE.replace(b"5\r", b"10000000000000005\r", 1), {}, _BODY_BAD),
    "a line feed alone": (b"5\nhello\n0\n\n", {}, _BODY_BAD),
    "more than promised": (_WHOLE, {"x-amz-decoded-content-length": "4"}, _BODY_BAD),
    "less than promised": (_WHOLE, {"x-amz-decoded-content-length": "6"}, _BODY_BAD),
    "far less than promised": (
        _WHOLE,
        {"x-amz-decoded-content-length": "9" * 18},
        _BODY_BAD,
    ),
    "a negative promise": (
        _WHOLE,
        {"x-amz-decoded-content-length": "-5"},
        (411, "MissingContentLength"),
    ),
    "a huge promise": (
        _WHOLE,
        {"x-amz-decoded-content-length": "9" * 30},
        (411, "MissingContentLength"),
    ),
}


@pytest.mark.parametrize("rule", STREAMS)
def test_a_stream_that_breaks_a_rule_is_no_object(attacker: Attacker, rule: str) -> None:
    body, changes, expected = STREAMS[rule]
    headers = {
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": "5",
        "x-amz-trailer": _CRC,
        **changes,
    }
    assert attacker.put(TARGET, body, headers, payload=TRAILER) == expected


def test_a_presigned_url_cannot_carry_a_stream(attacker: Attacker) -> None:
    target = attacker.presign("PUT", f"/box/new?X-Amz-Content-Sha256={TRAILER}")
    lines = [f"PUT {target} HTTP/1.1", f"Host: {attacker.host}", f"Content-Length: {len(_WHOLE)}"]
    assert attacker.ask(lines, _WHOLE) == (400, "InvalidRequest")


# ── names and headers ──────────────────────────────────────────────────────────────────────────

TARGETS = {
    "a NUL in a key": ("/box/a%00b", (400, "InvalidURI")),
    "half an escape": ("/box/a%2", (400, "InvalidURI")),
    "no escape": ("/box/a%zz", (400, "InvalidURI")),
    "bytes that are not UTF-8": ("/box/%FF%FE", (400, "InvalidURI")),
    "an overlong form": ("/box/%C0%AE%C0%AE", (400, "InvalidURI")),
    "a surrogate": ("/box/%ED%A0%80", (400, "InvalidURI")),
    "a key too long": ("/box/" + "a" * 1025, (400, "KeyTooLongError")),
    "a bucket of dots": ("/../key", (400, "InvalidBucketName")),
    "a parameter twice": ("/box/new?tagging&tagging", (400, "InvalidArgument")),
    "a part of another upload": (
        "/box/new?partNumber=1&uploadId=..%2F..%2Fx",
        (404, "NoSuchUpload"),
    ),
}


@pytest.mark.parametrize("rule", TARGETS)
def test_a_name_that_is_none_is_refused(attacker: Attacker, rule: str) -> None:
    target, expected = TARGETS[rule]
    assert attacker.put(target, b"evil") == expected


def test_dots_in_a_key_lead_nowhere(attacker: Attacker, node: NodeProcess) -> None:
    with S3Client(node) as client:
        for key in ("/box/../box/key", "/box/..", "/box/./key", "/box//key"):
            assert client.put(key, b"itself").status == 200
            assert client.get(TARGET).body == BEFORE
            assert client.get(key).body == b"itself"
            assert client.delete(key).status == 204


COPY_SOURCES = {
    "dots instead of a bucket": ("/../box/key", (400, "InvalidBucketName")),
    "dots in a key": ("/box/../box/key", (404, "NoSuchKey")),
    "no key": ("/box/", (400, "InvalidArgument")),
    "half an escape": ("/box/%2", (400, "InvalidArgument")),
    "a NUL": ("/box/%00", (400, "InvalidURI")),
    "not UTF-8": ("/box/%FF", (400, "InvalidURI")),
    "a version that is none": ("/box/key?versionId=../x", (400, "InvalidArgument")),
    "an empty version": ("/box/key?versionId=", (400, "InvalidArgument")),
    "two versions": ("/box/key?versionId=null&versionId=x", (400, "InvalidArgument")),
    "another parameter": ("/box/key?acl", (404, "NoSuchKey")),
}


@pytest.mark.parametrize("rule", COPY_SOURCES)
def test_a_copy_source_names_what_it_says(attacker: Attacker, rule: str) -> None:
    source, expected = COPY_SOURCES[rule]
    assert attacker.put("/box/new", b"", {"x-amz-copy-source": source}) == expected


@pytest.mark.parametrize(
    "parameter",
    [
        "x-amz-meta-a=b%0D%0ASet-Cookie%3A%20c",
        "x-amz-meta-a=%0A",
        "x-amz-meta-a=%00",
        "x-amz-meta-a%0D%0ASet-Cookie=c",
        "x-amz-meta-%E2%82%AC=c",
    ],
)
def test_a_presigned_url_cannot_plant_a_header(attacker: Attacker, parameter: str) -> None:
    target = attacker.presign("PUT", f"/box/new?{parameter}")
    lines = [f"PUT {target} HTTP/1.1", f"Host: {attacker.host}", "Content-Length: 4"]
    assert attacker.ask(lines, b"evil") == (400, "InvalidArgument")


def test_an_override_cannot_end_the_head(attacker: Attacker) -> None:
    target = attacker.presign("GET", f"{TARGET}?response-content-type=a%0D%0ASet-Cookie%3A%20b")
    lines = [f"GET {target} HTTP/1.1", f"Host: {attacker.host}"]
    assert attacker.ask(lines) == (400, "InvalidArgument")


def test_what_was_signed_cannot_be_added_to(attacker: Attacker) -> None:
    lines = [*attacker.head("PUT", TARGET), "Content-Length: 4"]
    assert attacker.ask([*lines, "x-amz-meta-a: b"], b"evil") == (403, "AccessDenied")
    assert attacker.ask([*lines, "x-amz-date: 20200101T000000Z"], b"evil")[0] == 403
    added = [lines[0].replace(TARGET, f"{TARGET}?versionId=null"), *lines[1:]]
    assert attacker.ask(added, b"evil")[0] in (400, 403)
    doubled = attacker.presign("PUT", TARGET)
    assert attacker.ask([lines[0].replace(TARGET, doubled), *lines[1:]], b"evil") == (
        400,
        "InvalidArgument",
    )


# ── documents ──────────────────────────────────────────────────────────────────────────────────

_OBJECT = b"<Object><Key>key</Key></Object>"
_BOMB = (
    b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(
        b'<!ENTITY %c "%s">' % (98 + level, b"&%c;" % (97 + level) * 10) for level in range(9)
    )
    + b"]><Delete><Object><Key>&j;</Key></Object></Delete>"
)

DOCUMENTS = {
    "an entity bomb": (_BOMB, "MalformedXML"),
    "an external entity": (
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
        b"<Delete><Object><Key>&x;</Key></Object></Delete>",
        "MalformedXML",
    ),
    "a document type": (b"<!DOCTYPE Delete><Delete>" + _OBJECT + b"</Delete>", "MalformedXML"),
    "an instruction": (b"<?evil do?><Delete>" + _OBJECT + b"</Delete>", "MalformedXML"),
    "deep nesting": (b"<Delete>" + b"<a>" * 200_000, "MalformedXML"),
    "many elements": (b"<Delete>" + b"<a/>" * 500_000 + b"</Delete>", "MalformedXML"),
    "many attributes": (
        b"<Delete " + b" ".join(b'a%d=""' % n for n in range(150_000)) + b">" + _OBJECT,
        "MalformedXML",
    ),
    "many namespaces": (
        b"<Delete " + b" ".join(b'xmlns:a%d="x"' % n for n in range(100_000)) + b">" + _OBJECT,
        "MalformedXML",
    ),
    "much text between elements": (
        b"<Delete>" + (b" " * 30 + b"<a/>") * 55_000 + b"</Delete>",
        "MalformedXML",
    ),
    "an oversized document": (b"<Delete>" + b" " * (9 << 20) + b"</Delete>", "EntityTooLarge"),
    "no end": (b"<Delete>" + _OBJECT, "MalformedXML"),
    "two roots": (b"<Delete>" + _OBJECT + b"</Delete><Delete/>", "MalformedXML"),
    "a NUL by reference": (
        b"<Delete><Object><Key>&#0;</Key></Object></Delete>",
        "MalformedXML",
    ),
    "not UTF-8": (b"<Delete><Object><Key>\xff</Key></Object></Delete>", "MalformedXML"),
    "an unknown encoding": (
        b'<?xml version="1.0" encoding="utf-7"?><Delete>' + _OBJECT + b"</Delete>",
        "MalformedXML",
    ),
    "a thousand and one keys": (b"<Delete>" + _OBJECT * 1001 + b"</Delete>", "MalformedXML"),
    "a second key": (
        b"<Delete><Object><Key>a</Key><Key>key</Key></Object></Delete>",
        "MalformedXML",
    ),
    "nothing": (b"", "MissingRequestBodyError"),
}


@pytest.mark.parametrize("rule", DOCUMENTS)
def test_a_hostile_document_deletes_nothing(attacker: Attacker, rule: str) -> None:
    document, code = DOCUMENTS[rule]
    md5 = base64.b64encode(hashlib.md5(document).digest()).decode()
    began = time.monotonic()
    assert attacker.post("/box?delete", document, content_md5=md5) == (400, code)
    assert time.monotonic() - began < _DOCUMENT_SECONDS_MAX


def test_a_document_needs_its_true_digest(attacker: Attacker) -> None:
    document = b"<Delete>" + _OBJECT + b"</Delete>"
    wrong = base64.b64encode(bytes(16)).decode()
    assert attacker.post("/box?delete", document) == (400, "InvalidRequest")
    assert attacker.post("/box?delete", document, content_md5=wrong) == (400, "BadDigest")
    assert attacker.post("/box?delete", document, content_md5="x") == (400, "InvalidDigest")


def test_keys_in_a_document_are_opaque(attacker: Attacker) -> None:
    keys = b"".join(
        b"<Object><Key>%s</Key></Object>" % key
        for key in (b"../box/key", b"", b"a" * 1025, b"&#13;&#10;key", b"./key", b"/key")
    )
    document = b"<Delete>" + keys + b"</Delete>"
    md5 = base64.b64encode(hashlib.md5(document).digest()).decode()
    assert attacker.post("/box?delete", document, content_md5=md5)[0] == 200


def test_a_document_takes_bounded_memory(attacker: Attacker, node: NodeProcess) -> None:
    # The longest document there is, 8 MiB, made of the smallest elements.
    document = b"<CompleteMultipartUpload>" + b"<a/>" * 2_000_000
    before = node.peak_bytes()
    assert attacker.post("/box/new?uploadId=none", document) == (400, "MalformedXML")
    assert node.peak_bytes() - before < _GROWTH_BYTES_MAX


# ── the admin API, behind the same gate ────────────────────────────────────────────────────────


def test_the_admin_api_reads_no_stream_it_was_not_promised(attacker: Attacker) -> None:
    lines = attacker.head("POST", "/_atoll/admin/v1/heal", payload=TRAILER)
    lines += [f"Content-Length: {len(_WHOLE)}", "Connection: close", "", ""]
    answer = attacker.send("\r\n".join(lines).encode() + _WHOLE)
    assert read_only_answer(answer)[0] == 400
    assert b'"code":"Invalid"' in answer


@pytest.mark.parametrize("target", ["/_atoll/admin/v1/status", "/_atoll/admin/../admin/v1/jobs"])
def test_the_admin_api_tells_nobody_anything(attacker: Attacker, target: str) -> None:
    lines = [f"GET {target} HTTP/1.1", f"Host: {attacker.host}"]
    status, _ = attacker.ask(lines)
    assert status in (403, 404)
