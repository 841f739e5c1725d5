"""Recorded requests: the bytes that a client sent, and what they are known to mean.

`tests/vectors/wire/NAME.http` is one request as it stood on the wire, TLS removed; `index.json`
says of each which client sent it, and the content that the client had been given.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

FOLDER: Final = Path(__file__).parents[2] / "vectors" / "wire"
INDEX: Final = FOLDER / "index.json"
#: The root pair of the node that was recorded; it exists nowhere else.
ACCESS_KEY: Final = "AKIACOMPATRECORDING0"
SECRET_KEY: Final = "recorded/only+for=vectors"
_END: Final = b"\r\n\r\n"


class Vector(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One recorded request. Its content is `text`, or else `pattern_bytes` of `pattern`."""

    name: str
    client: str
    is_tls: bool
    text: str = ""
    pattern_bytes: int = 0
    #: Whether a digest or signature of the request depends on the content.
    covers_content: bool = True

    @property
    def content(self) -> bytes:
        """Return what the client was told to store."""
        return pattern(self.pattern_bytes) if self.pattern_bytes else self.text.encode()

    def read(self) -> WireRequest:
        """Return the request."""
        (request,) = split_requests((FOLDER / f"{self.name}.http").read_bytes())
        return request


class WireRequest(msgspec.Struct, frozen=True):
    """One request as bytes; `head` ends with the empty line, `body` is as it was framed."""

    head: bytes
    body: bytes

    @property
    def method(self) -> str:
        """Return the method."""
        return self.head.split(b" ", 1)[0].decode()

    @property
    def path(self) -> str:
        """Return the path without its query."""
        return self.head.split(b" ", 2)[1].partition(b"?")[0].decode()

    def get(self, name: str) -> str | None:
        """Return the value of a header, its name in any case."""
        for line in self.head.split(b"\r\n")[1:]:
            found, _, value = line.partition(b":")
            if found.decode().lower() == name:
                return value.strip().decode("latin-1")
        return None


def pattern(size_bytes: int) -> bytes:
    """Return the bytes that the programs for Go, Java and JavaScript send."""
    return (bytes(range(251)) * (size_bytes // 251 + 1))[:size_bytes]


def split_requests(stream: bytes) -> Iterator[WireRequest]:
    """Cut what one connection carried into its requests."""
    while stream:
        head, end, rest = stream.partition(_END)
        assert end, "the recording ends within a head"
        request = WireRequest(head + end, b"")
        if request.get("transfer-encoding") == "chunked":
            length = _chunked_length(rest)
        else:
            length = int(request.get("content-length") or 0)
        assert len(rest) >= length, "the recording ends within a body"
        yield WireRequest(head + end, rest[:length])
        stream = rest[length:]


def _chunked_length(stream: bytes) -> int:
    """Return the length of a body in chunked transfer coding, without trailers of HTTP."""
    at = 0
    while True:
        line_end = stream.index(b"\r\n", at)
        size = int(stream[at:line_end], 16)
        at = line_end + 2 + size + 2
        if size == 0:
            return at


def read_index() -> list[Vector]:
    """Return all vectors."""
    return msgspec.json.decode(INDEX.read_bytes(), type=list[Vector])


def write_index(vectors: list[Vector]) -> None:
    """Write the index, one vector after the other by name."""
    rows = [msgspec.to_builtins(vector) for vector in sorted(vectors)]
    text = json.dumps(rows, indent=1, ensure_ascii=False)
    INDEX.write_text(text + "\n", encoding="utf-8")
