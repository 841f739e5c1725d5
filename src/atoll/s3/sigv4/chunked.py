"""Decode aws-chunked bodies, fed with bytes cut anywhere; verify every signature in them.

Owns      the framing, the chain of signatures (seed → chunks → trailer) and the decoded length.
Does not  read from a connection or compare checksums: the trailer's fields are handed out.
Invariant content is handed out before its chunk's signature is known, so nothing may become visible
          before `finish` returned. After an error every further call raises.
Bytes     chunk: size in hex, `;chunk-signature=<64 hex>` when signed, CR LF, content, CR LF. The
          chunk of size 0 is the last; behind its header line stand the trailer's lines (if any)
          and CR LF.
Memory    at most one header line or one trailer is kept, whatever a client sends.
Source    AWS "Transferring Payload in Multiple Chunks (Chunked Upload)", "Signature calculations
          for trailing headers (chunked uploads)". AWS demands chunks of 8 KiB; tools that speak
          to other servers send smaller ones, so any size is taken here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from typing import Final

import msgspec

from atoll.base.errors import IncompleteBody, SignatureMismatch, TrailerMalformed
from atoll.s3.sigv4.keys import SigningKey
from atoll.s3.sigv4.trailer import Trailer, check_announced, parse_trailer
from atoll.s3.sigv4.verify import equals

#: A header line is 16 digits, the signature's 81 characters and CR LF.
HEADER_BYTES_MAX: Final = 128
#: A few checksums and a signature; AWS sends no more than that.
TRAILER_BYTES_MAX: Final = 4096

_EMPTY_SHA256: Final = hashlib.sha256().hexdigest()
# Digits of one case: with mixed ones a changed bit could go unseen.
_SIZE: Final = rb"([0-9a-f]{1,16}|[0-9A-F]{1,16})"
_SIGNED: Final = re.compile(_SIZE + rb";chunk-signature=([0-9a-f]{64})")
_PLAIN: Final = re.compile(_SIZE + rb"()")

_HEADER, _DATA, _DATA_END, _TAIL, _DONE, _FAILED = range(6)


class ChunkSeed(msgspec.Struct, frozen=True):
    """Where a chain of chunk signatures begins: the signature of the request itself."""

    key: SigningKey
    amz_date: str
    scope: str
    signature: str


class ChunkDecoder:
    """Decodes one body. `trailer` is None until `finish` returned."""

    __slots__ = (
        "_announced",
        "_digest",
        "_expected_bytes",
        "_has_trailer",
        "_kept",
        "_left_bytes",
        "_pattern",
        "_previous",
        "_received_bytes",
        "_seed",
        "_signature",
        "_state",
        "trailer",
    )

    def __init__(
        self,
        expected_bytes: int,
        *,
        seed: ChunkSeed | None,
        has_trailer: bool,
        announced: Collection[str] = (),
    ) -> None:
        #: Decoded length, as promised before the body.
        self._expected_bytes = expected_bytes
        self._received_bytes = 0
        self._seed = seed
        self._has_trailer = has_trailer
        self._announced = announced
        self._pattern = _PLAIN if seed is None else _SIGNED
        self._previous = "" if seed is None else seed.signature
        self._signature = ""
        self._digest = hashlib.sha256()
        self._state = _HEADER
        self._left_bytes = 0
        #: The beginning of a line, or the tail, that has not arrived whole.
        self._kept = b""
        self.trailer: Trailer | None = None

    def feed(self, data: bytes) -> list[memoryview]:
        """Take bytes; return the content among them, as views of `data`.

        Raises
            IncompleteBody: the framing is malformed, or the content is longer than promised.
            SignatureMismatch: a chunk was changed.
            TrailerMalformed: the trailer is too long.
        """
        found: list[memoryview] = []
        view = memoryview(data)
        position, size = 0, len(data)
        before, self._state = self._state, _FAILED
        # Every step either returns the state that follows or raises and leaves FAILED.
        while position < size:
            if before == _DATA:
                end = min(position + self._left_bytes, size)
                piece = view[position:end]
                found.append(piece)
                before = self._take(piece)
                position = end
            elif before == _HEADER:
                position, before = self._read_header(data, position)
            elif before == _DATA_END:
                position, before = self._read_data_end(data, position)
            elif before == _TAIL:
                self._keep_tail(data[position:])
                position = size
            else:
                raise _malformed("There are bytes behind the end.")
        self._state = before
        return found

    def _take(self, piece: memoryview) -> int:
        if self._seed is not None:
            self._digest.update(piece)
        self._left_bytes -= len(piece)
        return _DATA if self._left_bytes else _DATA_END

    def _read_header(self, data: bytes, position: int) -> tuple[int, int]:
        """Read a chunk's header line, or keep its beginning."""
        end = data.find(b"\n", position, position + HEADER_BYTES_MAX)
        line = self._kept + (data[position:] if end < 0 else data[position : end + 1])
        if len(line) > HEADER_BYTES_MAX or (end < 0 and len(data) - position >= HEADER_BYTES_MAX):
            raise _malformed("The header of a chunk is too long.")
        if end < 0:
            self._kept = line
            return len(data), _HEADER
        self._kept = b""
        match = self._pattern.fullmatch(line, 0, len(line) - 2)
        if match is None or not line.endswith(b"\r\n"):
            raise _malformed("The header of a chunk is malformed.")
        return end + 1, self._begin_chunk(int(match[1], 16), match[2].decode("ascii"))

    def _begin_chunk(self, size_bytes: int, signature: str) -> int:
        self._received_bytes += size_bytes
        if self._received_bytes > self._expected_bytes:
            raise _malformed("The content is longer than x-amz-decoded-content-length.")
        self._signature = signature
        self._left_bytes = size_bytes
        if size_bytes:
            return _DATA
        self._check_chunk()
        return _TAIL

    def _read_data_end(self, data: bytes, position: int) -> tuple[int, int]:
        """Read the CR LF behind a chunk's content."""
        wanted = 2 - len(self._kept)
        self._kept += data[position : position + wanted]
        if not b"\r\n".startswith(self._kept):
            raise _malformed("A chunk is longer than its header says.")
        if len(self._kept) < 2:
            return len(data), _DATA_END
        self._kept = b""
        self._check_chunk()
        return position + wanted, _HEADER

    def _check_chunk(self) -> None:
        if self._seed is None:
            return
        digest = self._digest.hexdigest()
        self._check_link("AWS4-HMAC-SHA256-PAYLOAD", f"{_EMPTY_SHA256}\n{digest}", self._signature)
        self._digest = hashlib.sha256()

    def _check_link(self, algorithm: str, text: str, signature: str) -> None:
        """Compare one link of the chain of signatures and make it the previous one."""
        seed = self._seed
        assert seed is not None
        message = f"{algorithm}\n{seed.amz_date}\n{seed.scope}\n{self._previous}\n{text}"
        expected = seed.key.sign(message.encode("ascii"))
        if not equals(expected, signature):
            raise SignatureMismatch(string_to_sign=message, signature=signature[:128])
        self._previous = expected

    def _keep_tail(self, data: bytes) -> None:
        limit = TRAILER_BYTES_MAX if self._has_trailer else 2
        if len(self._kept) + len(data) > limit:
            if self._has_trailer:
                raise TrailerMalformed(size_bytes_max=limit)
            raise _malformed("There are bytes behind the last chunk.")
        self._kept += data

    def finish(self) -> Trailer:
        """Check that the body is whole; return its trailer, empty where the mode has none.

        Raises
            IncompleteBody: the last chunk is missing, or the content is shorter than promised.
            SignatureMismatch: the trailer was changed.
            TrailerMalformed: the trailer is malformed or not the one announced.
        """
        state, self._state = self._state, _FAILED
        if state != _TAIL:
            raise _malformed("The last chunk is missing.")
        if self._received_bytes != self._expected_bytes:
            raise _malformed("The content is shorter than x-amz-decoded-content-length.")
        if not self._has_trailer and self._kept != b"\r\n":
            raise _malformed("The empty line behind the last chunk is missing.")
        trailer = parse_trailer(self._kept)
        self._check_trailer(trailer)
        self._state = _DONE
        self.trailer = trailer
        return trailer

    def _check_trailer(self, trailer: Trailer) -> None:
        if self._seed is None or not self._has_trailer:
            if trailer.signature is not None:
                raise TrailerMalformed("An unsigned body has no trailer signature.")
        elif trailer.signature is None:
            raise TrailerMalformed("The trailer is not signed.")
        else:
            digest = hashlib.sha256(trailer.canonical).hexdigest()
            self._check_link("AWS4-HMAC-SHA256-TRAILER", digest, trailer.signature)
        check_announced(trailer, self._announced)


def _malformed(reason: str) -> IncompleteBody:
    return IncompleteBody(f"The aws-chunked body is malformed: {reason}")
