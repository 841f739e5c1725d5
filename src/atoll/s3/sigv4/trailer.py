"""The trailer of an aws-chunked body: header lines behind the last chunk.

Owns      its grammar and its agreement with `x-amz-trailer`.
Invariant what is read is what was announced: nothing missing, nothing more, nothing twice.
Quirk     minio-go ends its lines with LF and puts CR LF behind the last one, before the signature;
          the signature covers LF alone in every client.
Source    AWS "Signature calculations for trailing headers (chunked uploads)".
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

import msgspec

from atoll.base.errors import TrailerMalformed

SIGNATURE: Final = "x-amz-trailer-signature"

# One line: name, colon, value without white space at its end, and one of the three line ends.
_LINE: Final = re.compile(
    rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([!-\xff](?:[ -\xff]*[!-\xff])?)(?:\r\n|\n\r\n|\n)"
)


class Trailer(msgspec.Struct, frozen=True):
    """A parsed trailer. `canonical` is what its signature covers."""

    fields: dict[str, str]
    signature: str | None
    canonical: bytes


def parse_trailer(raw: bytes) -> Trailer:
    """Return the lines of a trailer, given everything behind the last chunk's header line.

    Raises
        TrailerMalformed: a line is not a header, a name stands twice, something stands behind the
            signature, or the empty line at the end is missing.
    """
    if raw == b"\r\n":
        return Trailer({}, None, b"")
    if not raw.endswith(b"\n\r\n"):
        raise TrailerMalformed("The trailer does not end with an empty line.")
    end = len(raw) - 2
    position = 0
    fields: dict[str, str] = {}
    signature: str | None = None
    canonical = b""
    while position < end:
        match = _LINE.match(raw, position, end)
        if match is None or signature is not None:
            raise TrailerMalformed("The trailer is not made of header lines.")
        name = match[1].decode("ascii")
        value = match[2].decode("latin-1")
        if name == SIGNATURE:
            signature = value
        elif name.lower() in fields:
            raise TrailerMalformed(f"The trailer names {name} twice.")
        else:
            fields[name.lower()] = value
            canonical += match[1] + b":" + match[2] + b"\n"
        position = match.end()
    return Trailer(fields, signature, canonical)


def check_announced(trailer: Trailer, announced: Collection[str]) -> None:
    """Compare a trailer with the names announced before the body.

    Raises
        TrailerMalformed: a name is missing, or was not announced.
    """
    missing = [name for name in announced if name not in trailer.fields]
    surplus = [name for name in trailer.fields if name not in announced]
    if missing or surplus:
        raise TrailerMalformed(missing=missing, surplus=surplus)
