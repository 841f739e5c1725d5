"""Decode chunked transfer coding, strictly and incrementally.

Owns      the grammar of chunk lines and trailers.
Does not  limit the body as a whole (body) or keep trailers: nothing that S3 signs travels in them.
Invariant pure. A line is at most `_LINE_BYTES_MAX`, all trailers together `_TRAILER_BYTES_MAX`;
          every line ends with CR LF; what follows the last line is returned untouched in `rest`.
Source    RFC 9112 section 7.1.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

#: Size and extensions of one chunk; extensions are unused in practice and only skipped.
_LINE_BYTES_MAX: Final = 256
_TRAILER_BYTES_MAX: Final = 8192
#: 15 hexadecimal digits fit a signed 64-bit number.
_CHUNK_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t\x20-\x7e]*)?")
_TRAILER_LINE: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*")


class ChunkedMalformed(Exception):
    """The bytes are not chunked transfer coding."""


class _Phase(Enum):
    SIZE = 1
    DATA = 2
    DATA_END = 3
    TRAILER = 4
    DONE = 5


class ChunkedDecoder:
    """The decoder of one body."""

    __slots__ = ("_line", "_phase", "_remaining", "_trailer_bytes", "rest")

    def __init__(self) -> None:
        self._phase = _Phase.SIZE
        self._line = b""
        self._remaining = 0
        self._trailer_bytes = 0
        #: Input behind the body, once it is complete.
        self.rest = b""

    @property
    def is_complete(self) -> bool:
        """Whether the last chunk and the trailers were read."""
        return self._phase is _Phase.DONE

    def decode(self, data: bytes) -> bytes:
        """Return the content in `data`; call until `is_complete`.

        Raises
            ChunkedMalformed: a line is malformed or too long; the decoder is of no use then.
        """
        position = 0
        pieces: list[bytes] = []
        while self._phase is not _Phase.DONE and position < len(data):
            if self._phase is _Phase.DATA:
                piece = data[position : position + self._remaining]
                pieces.append(piece)
                position += len(piece)
                self._remaining -= len(piece)
                if self._remaining == 0:
                    self._phase = _Phase.DATA_END
            else:
                position = self._read_line(data, position)
        if self._phase is _Phase.DONE:
            self.rest = data[position:]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _read_line(self, data: bytes, position: int) -> int:
        """Consume up to the end of a line; return the new position."""
        limit = _TRAILER_BYTES_MAX if self._phase is _Phase.TRAILER else _LINE_BYTES_MAX
        end = data.find(b"\n", position, position + limit + 2)
        if end < 0:
            self._line += data[position : position + limit + 2]
            if len(self._line) > limit + 1:
                raise ChunkedMalformed("a line is too long")
            return len(data)
        line = self._line + data[position:end]
        self._line = b""
        if len(line) > limit + 1:
            raise ChunkedMalformed("a line is too long")
        if not line.endswith(b"\r"):
            raise ChunkedMalformed("a line does not end with CR LF")
        self._take_line(line[:-1])
        return end + 1

    def _take_line(self, line: bytes) -> None:
        if self._phase is _Phase.SIZE:
            match = _CHUNK_LINE.fullmatch(line)
            if match is None:
                raise ChunkedMalformed("a chunk size is malformed")
            self._remaining = int(match.group(1), 16)
            self._phase = _Phase.DATA if self._remaining else _Phase.TRAILER
        elif self._phase is _Phase.DATA_END:
            if line:
                raise ChunkedMalformed("a chunk is longer than its size")
            self._phase = _Phase.SIZE
        elif not line:
            self._phase = _Phase.DONE
        else:
            self._trailer_bytes += len(line)
            if self._trailer_bytes > _TRAILER_BYTES_MAX or not _TRAILER_LINE.fullmatch(line):
                raise ChunkedMalformed("a trailer is malformed or too long")
