"""The canonical request of signature version 4, by S3's rules.

Owns      the one spelling of path, query and headers that client and server both hash.
Does not  decide which headers must be signed (claim) or look at the body: its digest is a string.
Invariant a path is decoded and encoded exactly once and never normalised: `//`, `.` and `..` stay.
          Whatever escapes a client chose, one resource has one canonical path.
Source    AWS "Create a signed AWS API request", "Authenticating Requests: Using the Authorization
          Header"; queries are sorted by encoded name, then by encoded value.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

_is_plain_path: Final = re.compile(rb"[A-Za-z0-9\-._~/]*").fullmatch
_is_plain_query: Final = re.compile(rb"[A-Za-z0-9\-._~]*").fullmatch

_RUN: Final = re.compile(r" {2,}")

#: Encoded (name, value) pairs.
Pairs = list[tuple[str, str]]


def canonical_path(path: bytes) -> str:
    """Return the path with everything but unreserved characters and `/` percent-encoded."""
    if _is_plain_path(path):
        return path.decode("ascii")
    return quote_from_bytes(unquote_to_bytes(path), safe="/-_.~")


def canonical_pairs(query: bytes) -> Pairs:
    """Return the parameters of a raw query, encoded strictly, in canonical order.

    A `+` stands for a space, as in forms; a name without `=` has an empty value.
    """
    pairs: Pairs = []
    for piece in query.split(b"&"):
        if piece:
            name, _, value = piece.partition(b"=")
            pairs.append((_encode(name), _encode(value)))
    if len(pairs) > 1:
        pairs.sort()
    return pairs


def _encode(raw: bytes) -> str:
    if _is_plain_query(raw):
        return raw.decode("ascii")
    return quote_from_bytes(unquote_to_bytes(raw.replace(b"+", b" ")), safe="-_.~")


def render_pairs(pairs: Pairs) -> str:
    """Return the canonical query string of encoded and sorted pairs."""
    return "&".join([f"{name}={value}" for name, value in pairs])


def collect_headers(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Return header values by name; those of a header sent twice are joined by commas."""
    values = dict(pairs)
    if len(values) != len(pairs):
        values = {}
        for name, value in pairs:
            values[name] = f"{values[name]},{value}" if name in values else value
    return values


def canonical_headers(values: dict[str, str], names: tuple[str, ...]) -> str:
    """Return the block of signed headers, one line each; runs of spaces are one space.

    A name that the request does not carry gives an empty value: its signature cannot match then.
    """
    block = "".join([f"{name}:{values.get(name, '')}\n" for name in names])
    return _RUN.sub(" ", block) if "  " in block else block


def string_to_sign(amz_date: str, scope: str, canonical_request: str) -> str:
    """Return what is signed, given time, credential scope and canonical request."""
    # Header values are latin-1 decoded verbatim, so this gives back the bytes of the wire.
    digest = hashlib.sha256(canonical_request.encode("latin-1")).hexdigest()
    return f"AWS4-HMAC-SHA256\n{amz_date}\n{scope}\n{digest}"
