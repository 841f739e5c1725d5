"""The body of a request as the object layer reads it: framing removed, signatures checked.

Owns      the choice between plain and aws-chunked bytes, the signed SHA-256, the lengths, and what
          the headers and the trailer promise (Content-MD5, x-amz-checksum-*).
Does not  compare promised digests of streamed content: whoever stores the bytes computes them
          anyway. Only `read_document` compares them here.
Invariant a reader that reached the end of a body has content whose every signature, digest of the
          payload and length was right; before the end it has nothing it may show.
Order     checks of headers raise from `open_body`, before a byte is asked of the client.
Source    AWS "Checking object integrity in Amazon S3", PutObject; sentences as AWS answers.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
from collections.abc import AsyncIterator
from typing import Final

import msgspec

from atoll.base.errors import IncompleteBody, InvalidDigest, PayloadMismatch, TooLarge
from atoll.base.streams import CHUNK_BYTES_MAX, Body, PromisedDigests, WholeBody
from atoll.http.messages import Headers, RawBody, Request
from atoll.objects.digests import CHECKSUM_BYTES, ContentDigests
from atoll.s3.errors import S3Error
from atoll.s3.gate import Authenticated
from atoll.s3.sigv4.chunked import ChunkDecoder
from atoll.s3.sigv4.payload import PayloadMode

AWS_CHUNKED: Final = "aws-chunked"
DECODED_LENGTH: Final = "x-amz-decoded-content-length"

#: Header or trailer name → algorithm.
CHECKSUM_HEADERS: Final = {f"x-amz-checksum-{name.lower()}": name for name in CHECKSUM_BYTES}

_NUMBER: Final = re.compile(r"[0-9]{1,18}")


class Promise(msgspec.Struct, frozen=True):
    """What the headers promise about a body. `trailers` are names announced for its end."""

    md5: bytes | None
    checksums: dict[str, bytes]
    trailers: tuple[str, ...]

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Return the algorithms promised, in the headers or for the trailer."""
        return (*self.checksums, *(CHECKSUM_HEADERS[name] for name in self.trailers))


_NOTHING: Final = Promise(None, {}, ())
_NO_DIGESTS: Final = PromisedDigests()


def open_body(request: Request, who: Authenticated, *, has_checksums: bool = True) -> Body:
    """Return the body of a request. Bytes that had all arrived are decoded and checked at once.

    `has_checksums` is False for actions whose x-amz-checksum headers speak of an object and not of
    the body (CompleteMultipartUpload).

    Raises
        InvalidDigest: Content-MD5 is malformed.
        S3Error: InvalidRequest, checksum headers or trailers do not fit together;
            MissingContentLength, a framed body without its decoded length.
        Rejected: as reading the body, when it is whole.
    """
    headers = request.headers
    promise = _read_promise(headers, has_checksums=has_checksums)
    decoder = _make_decoder(headers, who, promise)
    raw = request.body
    if raw.whole is not None:
        return _decode_whole(raw.whole, raw.length_bytes, who, promise, decoder)
    if decoder is not None:
        return _ChunkedBody(raw, promise, decoder, _decoded_length(headers))
    return _PlainBody(raw, promise, who)


def check_framed(headers: Headers) -> None:
    """Check that a request says where its content ends: without a word of it, HTTP has no body.

    Raises
        S3Error: MissingContentLength, so that a forgotten body is not stored as an empty object.
    """
    if "content-length" not in headers and "transfer-encoding" not in headers:
        raise S3Error("MissingContentLength")


def stored_content_encoding(value: str | None) -> str | None:
    """Return a Content-Encoding without `aws-chunked`, which names the framing and not the content.

    None where nothing remains.
    """
    if value is None or AWS_CHUNKED not in value.lower():
        return value or None
    tokens = [token.strip() for token in value.split(",")]
    kept = [token for token in tokens if token and token.lower() != AWS_CHUNKED]
    return ",".join(kept) or None


async def read_document(body: Body, size_bytes_max: int) -> bytes:
    """Return a whole body, compared with the digests its sender promised.

    Raises
        TooLarge: it is longer than `size_bytes_max`; at most that much was read.
        DigestMismatch: Content-MD5 or a checksum is of other bytes.
    """
    if body.size_bytes is not None and body.size_bytes > size_bytes_max:
        raise TooLarge(size_bytes=body.size_bytes, size_bytes_max=size_bytes_max)
    content = body.whole
    if content is None:
        chunks: list[bytes] = []
        size_bytes = 0
        async for chunk in body:
            size_bytes += len(chunk)
            if size_bytes > size_bytes_max:
                raise TooLarge(size_bytes=size_bytes, size_bytes_max=size_bytes_max)
            chunks.append(chunk)
        content = b"".join(chunks)
    promised = body.promised()
    if promised.md5 is not None or promised.checksums:
        digests = ContentDigests(promised.checksums)
        digests.update(content)
        digests.verify(promised)
    return content


# ── what the headers promise ───────────────────────────────────────────────────────────────────


def _read_promise(headers: Headers, *, has_checksums: bool) -> Promise:
    text = headers.get("content-md5")
    md5 = None if text is None else _decode_md5(text)
    if md5 is not None and sum(name == "content-md5" for name, _ in headers.pairs) > 1:
        # Which one the sender meant to hold is not for us to choose.
        raise InvalidDigest("The Content-MD5 you specified was invalid.", algorithm="MD5")
    if not has_checksums:
        return Promise(md5, {}, ())
    sent = [name for name in CHECKSUM_HEADERS if name in headers]
    trailers = _announced(headers.get("x-amz-trailer"))
    _check_named_algorithm(headers, (*sent, *trailers))
    if not sent and not trailers:
        return _NOTHING if md5 is None else Promise(md5, {}, ())
    if sent:
        # A header given twice counts twice.
        sent = [name for name, _ in headers.pairs if name in CHECKSUM_HEADERS]
    if len(sent) + len(trailers) > 1:
        raise S3Error(
            "InvalidRequest",
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
        )
    checksums = {
        CHECKSUM_HEADERS[name]: _decode_checksum(name, headers[name], "header") for name in sent
    }
    return Promise(md5, checksums, trailers)


def _decode_md5(text: str) -> bytes:
    raw = _decode_base64(text)
    if raw is None or len(raw) != 16:
        raise InvalidDigest("The Content-MD5 you specified was invalid.", algorithm="MD5")
    return raw


def _decode_checksum(name: str, text: str, place: str) -> bytes:
    raw = _decode_base64(text)
    if raw is None or len(raw) != CHECKSUM_BYTES[CHECKSUM_HEADERS[name]]:
        raise S3Error("InvalidRequest", f"Value for {name} {place} is invalid.")
    return raw


def _decode_base64(text: str) -> bytes | None:
    try:
        return binascii.a2b_base64(text.encode("latin-1"), strict_mode=True)
    except binascii.Error:
        return None


def _announced(text: str | None) -> tuple[str, ...]:
    """Return the names in x-amz-trailer; only checksums can travel there."""
    if not text:
        return ()
    names = tuple(name.strip().lower() for name in text.split(","))
    if any(name not in CHECKSUM_HEADERS for name in names):
        raise S3Error(
            "InvalidRequest", "The value specified in the x-amz-trailer header is not supported"
        )
    return names


def _check_named_algorithm(headers: Headers, names: tuple[str, ...]) -> None:
    """Compare x-amz-sdk-checksum-algorithm with the checksums that are there."""
    named = headers.get("x-amz-sdk-checksum-algorithm")
    if named is None:
        return
    if named.upper() not in CHECKSUM_BYTES:
        raise S3Error("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.")
    if not names:
        raise S3Error(
            "InvalidRequest",
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or"
            " x-amz-trailer headers were found.",
        )
    if f"x-amz-checksum-{named.lower()}" not in names:
        raise S3Error("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.")


# ── framing ────────────────────────────────────────────────────────────────────────────────────


def _make_decoder(headers: Headers, who: Authenticated, promise: Promise) -> ChunkDecoder | None:
    """Return the decoder of a framed body, None for a plain one."""
    mode = who.payload.mode
    if not _is_framed(headers, who):
        if promise.trailers:
            raise S3Error("InvalidRequest", "x-amz-trailer needs a body that is aws-chunked.")
        return None
    has_trailer = mode is not PayloadMode.CHUNKS_SIGNED
    if promise.trailers and not has_trailer:
        raise S3Error("InvalidRequest", f"x-amz-trailer does not go with {mode.value}.")
    return ChunkDecoder(
        _decoded_length(headers),
        seed=who.seed,
        has_trailer=has_trailer,
        announced=promise.trailers,
    )


def _is_framed(headers: Headers, who: Authenticated) -> bool:
    mode = who.payload.mode
    if mode.is_streaming:
        return True
    if DECODED_LENGTH not in headers:
        # Without it `aws-chunked` is a left-over of somebody's metadata, and the bytes are plain.
        return False
    # In a line of its own as well: some clients add it behind the encoding that they were given.
    encodings = [value for name, value in headers.pairs if name == "content-encoding"]
    if not any(AWS_CHUNKED in value.lower() for value in encodings):
        return False
    # Version 2 and unsigned payloads have no word for it in x-amz-content-sha256.
    if mode is PayloadMode.DIGEST or who.kind.is_query:
        raise S3Error("InvalidRequest", "An aws-chunked body needs x-amz-content-sha256 to say so.")
    return True


def _decoded_length(headers: Headers) -> int:
    text = headers.get(DECODED_LENGTH)
    if text is None or not _NUMBER.fullmatch(text):
        raise S3Error("MissingContentLength")
    return int(text)


def _decode_whole(
    content: bytes,
    length_bytes: int | None,
    who: Authenticated,
    promise: Promise,
    decoder: ChunkDecoder | None,
) -> WholeBody:
    """Return a body that had arrived, all checks done."""
    if length_bytes is not None and len(content) != length_bytes:
        raise IncompleteBody(expected=length_bytes, found=len(content))
    fields: dict[str, str] = {}
    if decoder is not None:
        content = b"".join(decoder.feed(content))
        fields = decoder.finish().fields
    elif who.payload.mode is PayloadMode.DIGEST:
        _check_payload(who.payload.text, hashlib.sha256(content).hexdigest())
    return WholeBody(content, algorithms=promise.algorithms, promised=_promised(promise, fields))


def _check_payload(signed: str, found: str) -> None:
    if not hmac.compare_digest(signed.lower(), found):
        raise PayloadMismatch(expected=signed, found=found)


def _promised(promise: Promise, fields: dict[str, str]) -> PromisedDigests:
    """Return the digests of headers and trailer together."""
    if promise is _NOTHING:
        return _NO_DIGESTS
    checksums = dict(promise.checksums)
    for name in promise.trailers:
        checksums[CHECKSUM_HEADERS[name]] = _decode_checksum(name, fields[name], "trailing header")
    return PromisedDigests(md5=promise.md5, checksums=checksums)


class _PlainBody:
    """Bytes as they come, counted and, where a digest of them was signed, hashed."""

    def __init__(self, raw: RawBody, promise: Promise, who: Authenticated) -> None:
        self._raw = raw
        self._promise = promise
        self._signed = who.payload.text if who.payload.mode is PayloadMode.DIGEST else None
        self._is_complete = False
        self.size_bytes: int | None = raw.length_bytes
        self.whole: bytes | None = None
        self.algorithms = promise.algorithms

    async def __aiter__(self) -> AsyncIterator[bytes]:
        digest = hashlib.sha256() if self._signed is not None else None
        received_bytes = 0
        async for chunk in self._raw:
            received_bytes += len(chunk)
            if digest is not None:
                digest.update(chunk)
            if len(chunk) <= CHUNK_BYTES_MAX:
                yield chunk
            else:
                for piece in _cut(chunk):
                    yield piece
        if self.size_bytes is not None and received_bytes != self.size_bytes:
            raise IncompleteBody(expected=self.size_bytes, found=received_bytes)
        if digest is not None and self._signed is not None:
            _check_payload(self._signed, digest.hexdigest())
        self.size_bytes = received_bytes
        self._is_complete = True

    def promised(self) -> PromisedDigests:
        """Return what the headers promised."""
        assert self._is_complete, "promised() is asked behind the end"
        return _promised(self._promise, {})


class _ChunkedBody:
    """The content of an aws-chunked body."""

    def __init__(
        self, raw: RawBody, promise: Promise, decoder: ChunkDecoder, size_bytes: int
    ) -> None:
        self._raw = raw
        self._promise = promise
        self._decoder = decoder
        self._promised: PromisedDigests | None = None
        self.size_bytes: int | None = size_bytes
        self.whole: bytes | None = None
        self.algorithms = promise.algorithms

    async def __aiter__(self) -> AsyncIterator[bytes]:
        decoder = self._decoder
        async for chunk in self._raw:
            # One copy out of the network's buffer, whatever number of frames it holds.
            content = b"".join(decoder.feed(chunk))
            if not content:
                continue
            if len(content) <= CHUNK_BYTES_MAX:
                yield content
            else:
                for piece in _cut(content):
                    yield piece
        self._promised = _promised(self._promise, decoder.finish().fields)

    def promised(self) -> PromisedDigests:
        """Return what headers and trailer promised."""
        assert self._promised is not None, "promised() is asked behind the end"
        return self._promised


def _cut(chunk: bytes) -> list[bytes]:
    return [
        chunk[start : start + CHUNK_BYTES_MAX] for start in range(0, len(chunk), CHUNK_BYTES_MAX)
    ]
