"""Which request heads are accepted, and what is read from them."""

from __future__ import annotations

import pytest

from atoll.http.head import Head, RequestRefused, parse_head
from atoll.http.limits import HttpLimits

LIMITS = HttpLimits()


def parse(*lines: bytes) -> Head:
    return parse_head(b"\r\n".join((*lines, b"", b"")), LIMITS)


def refusal(*lines: bytes) -> tuple[int, str]:
    with pytest.raises(RequestRefused) as caught:
        parse(*lines)
    return caught.value.status, caught.value.code


HOST = b"Host: a.example:9000"
BAD = (400, "BadRequest")


def test_a_head_is_taken_apart_verbatim() -> None:
    head = parse(
        b"PUT /b/%41//x/../y?uploads&a=%2F HTTP/1.1", HOST, b"X-AMZ-Meta-E: no",
        b"X-Two: 1", b"x-two:  \t caf\xe9 \t ", b"Content-Length: 12",
    )  # fmt: skip
    assert (head.method, head.path, head.query) == ("PUT", b"/b/%41//x/../y", b"uploads&a=%2F")
    assert head.length_bytes == 12
    assert head.is_keep_alive
    assert not head.is_http10
    assert ("x-amz-meta-e", "no") in head.headers.pairs
    assert [value for name, value in head.headers.pairs if name == "x-two"] == ["1", "caf\xe9"]
    assert head.headers.get("host") == "a.example:9000"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"GET /", "HTTP/0.9"),
        (b"GET / HTTP/1.2", "unknown minor version"),
        (b"get / HTTP/1.1", "methods are upper case"),
        (b"FOO / HTTP/1.1", "unknown method"),
        (b"GET  / HTTP/1.1", "two spaces"),
        (b"GET / HTTP/1.1 ", "trailing space"),
        (b"GET\t/ HTTP/1.1", "tab"),
        (b"GET /a b HTTP/1.1", "space in the target"),
        (b"GET a HTTP/1.1", "no slash"),
        (b"GET /a#b HTTP/1.1", "fragment"),
        (b"GET * HTTP/1.1", "asterisk without OPTIONS"),
        (b"GET /\xff HTTP/1.1", "byte beyond ASCII"),
        (b"GET /\x01 HTTP/1.1", "control character"),
        (b"GET http://other/ HTTP/1.1", "authority differs from Host"),
        (b"PRI * HTTP/2.0", "preface of HTTP/2"),
    ],
)
def test_malformed_request_lines_are_refused(line: bytes, why: str) -> None:
    assert refusal(line, HOST) == BAD, why


def test_other_major_versions_are_named() -> None:
    assert refusal(b"GET / HTTP/2.0", HOST) == (505, "VersionNotSupported")


def test_connect_is_refused_and_upgrade_is_ignored() -> None:
    assert refusal(b"CONNECT a.example:9000 HTTP/1.1", HOST)[0] in (400, 405)
    head = parse(b"GET / HTTP/1.1", HOST, b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c")
    assert head.is_keep_alive


def test_absolute_form_and_asterisk() -> None:
    head = parse(b"GET http://A.example:9000/k?v HTTP/1.1", HOST)
    assert (head.path, head.query) == (b"/k", b"v")
    assert parse(b"GET http://a.example:9000?v HTTP/1.1", HOST).path == b"/"
    assert parse(b"OPTIONS * HTTP/1.1", HOST).path == b"*"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [HOST, HOST],
        [b"Host: a b"],
        [b"Host: a/b"],
        [b"Host: user@a"],
        [b"Host:"],
        [HOST, b"X : a"],
        [HOST, b"X\x80: a"],
        [HOST, b"X"],
        [HOST, b": a"],
        [HOST, b"X: a\0b"],
        [HOST, b"X: a\x01b"],
        [HOST, b"X: a\rb"],
        [HOST, b"X: a\nY: b"],
        [HOST, b"X: a", b" folded"],
        [HOST, b"X: a", b"\tfolded"],
    ],
)
def test_malformed_headers_are_refused(headers: list[bytes]) -> None:
    assert refusal(b"GET / HTTP/1.1", *headers) == BAD


@pytest.mark.parametrize(
    "headers",
    [
        [b"Content-Length: 3", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: chunked", b"Content-Length: 3"],
        [b"Content-Length: 3", b"Content-Length: 3"],
        [b"Content-Length: 3", b"Content-Length: 4"],
        [b"Content-Length: 3, 3"],
        [b"Content-Length: -3"],
        [b"Content-Length: +3"],
        [b"Content-Length: 0x3"],
        [b"Content-Length: 3 4"],
        [b"Content-Length:"],
        [b"Content-Length: \xb2"],
        [b"Content-Length: 99999999999999999999"],
        [b"Content-Length: 18446744073709551616"],
        [b"Content-Length: 0000000000000000000000"],
        [b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: xchunked"],
        [b"Transfer-Encoding: identity"],
        [b"Transfer-Encoding: chunked, identity"],
        [b"Transfer-Encoding: gzip"],
        [b"Transfer-Encoding:"],
        [b"Transfer-Encoding: \x0bchunked"],
    ],
)
def test_ambiguous_lengths_are_refused(headers: list[bytes]) -> None:
    assert refusal(b"PUT / HTTP/1.1", HOST, *headers)[0] in (400, 501)


def test_lengths() -> None:
    assert parse(b"GET / HTTP/1.1", HOST).length_bytes == 0
    assert parse(b"PUT / HTTP/1.1", HOST, b"Content-Length: 007").length_bytes == 7
    assert parse(b"PUT / HTTP/1.1", HOST, b"Transfer-Encoding: Chunked").length_bytes is None
    too_large = b"Content-Length: %d" % (LIMITS.body_bytes_max + 1)
    assert refusal(b"PUT / HTTP/1.1", HOST, too_large) == (413, "EntityTooLarge")
    gzip = b"Transfer-Encoding: gzip, chunked"
    assert refusal(b"PUT / HTTP/1.1", HOST, gzip) == (501, "NotImplemented")


def test_http10_has_no_chunks_and_no_continue() -> None:
    head = parse(b"GET / HTTP/1.0", b"Expect: 100-continue")
    assert head.is_http10
    assert not head.is_keep_alive
    assert not head.is_continue_expected
    assert parse(b"GET / HTTP/1.0", b"Connection: Keep-Alive").is_keep_alive
    assert refusal(b"PUT / HTTP/1.0", HOST, b"Transfer-Encoding: chunked") == BAD


def test_expect() -> None:
    expects = parse(b"PUT / HTTP/1.1", HOST, b"Content-Length: 1", b"Expect: 100-Continue")
    assert expects.is_continue_expected
    assert refusal(b"PUT / HTTP/1.1", HOST, b"Expect: 200-ok") == (417, "ExpectationFailed")


def test_connection_options() -> None:
    assert not parse(b"GET / HTTP/1.1", HOST, b"Connection: x, Close").is_keep_alive
    assert parse(b"GET / HTTP/1.1", HOST, b"Connection: keep-alive").is_keep_alive


def test_the_number_of_headers_is_limited() -> None:
    many = [b"X-%d: 1" % number for number in range(LIMITS.headers_max - 1)]
    assert len(parse(b"GET / HTTP/1.1", HOST, *many).headers.pairs) == LIMITS.headers_max
    assert refusal(b"GET / HTTP/1.1", HOST, *many, b"Y: 1") == (431, "HeadersTooLarge")


def test_bytes_behind_the_first_empty_line_are_no_head() -> None:
    assert refusal() == BAD
