"""Pages of listings: limits, opaque tokens, and the percent-encoding of keys that XML cannot carry.

Owns      the rules all listings share: max-keys, encoding-type, continuation tokens.
Does not  list anything.
Invariant a token is stateless: it holds the place to continue from and a check that it came from
          here; any other text is InvalidArgument, never a listing from a wrong place.
"""

from __future__ import annotations

import base64
import binascii
import string
import zlib
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from atoll.base.limits import PAGE_ROWS_MAX
from atoll.s3.call import Document
from atoll.s3.errors import S3Error

_TOKEN_VERSION: Final = b"1"
_CHECK_BYTES: Final = 4
#: S3 leaves these as they are. A space becomes %20: clients decode it with and without `+` rules.
_SAFE: Final = "/-_.~*"
_PERCENT: Final = 0x25
#: Bytes that stay as they are in a page of keys: what `quote` leaves, and what joins the keys.
_SAFE_BYTES: Final = (string.ascii_letters + string.digits + _SAFE).encode() + b"\xff"
#: Texts in other scripts than Latin need an escape for most bytes.
_REPLACEMENTS_MAX: Final = 16
_INT32_MAX: Final = 2**31 - 1


def page_limit(values: Document, name: str, parameter: str, *, largest: int = PAGE_ROWS_MAX) -> int:
    """Return how many rows a page may have: what was asked, at most `largest`.

    Raises
        S3Error: InvalidArgument for a negative or huge number.
    """
    asked = values.get(name)
    if asked is None:
        return largest
    assert isinstance(asked, int)
    if not 0 <= asked <= _INT32_MAX:
        raise S3Error(
            "InvalidArgument",
            f"Argument {parameter} must be an integer between 0 and {_INT32_MAX}",
            argument=parameter,
            found=str(asked),
        )
    return min(asked, largest)


def is_url_encoded(values: Document) -> bool:
    """Return whether keys of the answer shall be percent-encoded.

    Raises
        S3Error: InvalidArgument for an encoding other than `url`.
    """
    asked = values.get("EncodingType")
    if asked is None:
        return False
    if asked != "url":
        raise S3Error(
            "InvalidArgument",
            "Invalid Encoding Method specified in Request",
            argument="encoding-type",
            found=asked,
        )
    return True


def encode_url(text: str) -> str:
    """Return text percent-encoded for a listing with `encoding-type=url`."""
    return quote(text, safe=_SAFE)


def encode_url_page(raws: Sequence[bytes]) -> list[str]:
    """Return the same as `encode_url` for each UTF-8 text of a page of rows.

    All rows go through at once, joined by a byte that UTF-8 never has: one replacement for each
    byte that needs an escape somewhere on the page. Where these are many, row by row is cheaper.
    """
    joined = b"\xff".join(raws)
    escaped = set(joined.translate(None, _SAFE_BYTES))
    if len(escaped) > _REPLACEMENTS_MAX or joined.count(b"\xff") != len(raws) - 1:
        return [encode_url(raw.decode("utf-8", "replace")) for raw in raws]
    # The percent sign first: the others bring it.
    for byte in sorted(escaped, key=lambda byte: byte != _PERCENT):
        joined = joined.replace(bytes((byte,)), b"%%%02X" % byte)
    return [raw.decode("ascii") for raw in joined.split(b"\xff")]


def same(text: str) -> str:
    """Return text as it is, for listings without encoding."""
    return text


def encode_token(place: bytes) -> str:
    """Return an opaque token that continues behind `place`."""
    body = _TOKEN_VERSION + place
    check = zlib.crc32(body).to_bytes(_CHECK_BYTES, "big")
    return base64.urlsafe_b64encode(check + body).decode("ascii")


def decode_token(token: str) -> bytes:
    """Return the place that a token continues behind.

    Raises
        S3Error: InvalidArgument when the token did not come from `encode_token`.
    """
    try:
        raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as exc:
        raise _bad_token(token) from exc
    check, body = raw[:_CHECK_BYTES], raw[_CHECK_BYTES:]
    is_ours = zlib.crc32(body).to_bytes(_CHECK_BYTES, "big") == check
    if not is_ours or not body.startswith(_TOKEN_VERSION):
        raise _bad_token(token)
    return body[len(_TOKEN_VERSION) :]


def _bad_token(token: str) -> S3Error:
    return S3Error(
        "InvalidArgument",
        "The continuation token provided is incorrect",
        argument="continuation-token",
        found=token[:200],
    )


def text_of(values: Document, name: str) -> str:
    """Return a text member, empty when it is absent."""
    found = values.get(name)
    assert found is None or isinstance(found, str)
    return found or ""
