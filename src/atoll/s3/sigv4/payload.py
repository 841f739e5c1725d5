"""What `x-amz-content-sha256` says about the body.

Owns      the accepted values; any other is refused, so no body is read in a way nobody signed.
Source    AWS "Authenticating Requests: Using the Authorization Header", values of
          x-amz-content-sha256.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

import msgspec

from atoll.base.errors import InvalidArgument

UNSIGNED_PAYLOAD: Final = "UNSIGNED-PAYLOAD"
HEADER: Final = "x-amz-content-sha256"

_HEX: Final = re.compile(r"[0-9a-fA-F]{64}")


class PayloadMode(Enum):
    """How the body is framed and protected."""

    #: Plain bytes, nothing signed.
    UNSIGNED = UNSIGNED_PAYLOAD
    #: Plain bytes whose SHA-256 is signed.
    DIGEST = "DIGEST"
    #: aws-chunked, each chunk signed.
    CHUNKS_SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    #: aws-chunked, each chunk and the trailer signed.
    CHUNKS_SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
    #: aws-chunked without signatures, with a trailer.
    CHUNKS_UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

    @property
    def is_streaming(self) -> bool:
        """Whether the body is framed as aws-chunked."""
        return self.has_signed_chunks or self is PayloadMode.CHUNKS_UNSIGNED_TRAILER

    @property
    def has_signed_chunks(self) -> bool:
        """Whether each chunk carries a signature."""
        return self is PayloadMode.CHUNKS_SIGNED or self is PayloadMode.CHUNKS_SIGNED_TRAILER


_BY_VALUE: Final = {mode.value: mode for mode in PayloadMode if mode is not PayloadMode.DIGEST}


class Payload(msgspec.Struct, frozen=True):
    """The signed statement about the body; `text` is the last line of the canonical request."""

    mode: PayloadMode
    text: str


UNSIGNED: Final = Payload(PayloadMode.UNSIGNED, UNSIGNED_PAYLOAD)


def parse_payload(value: str) -> Payload:
    """Return what a value of x-amz-content-sha256 means.

    Raises
        InvalidArgument: it is neither a SHA-256 in hex nor one of the known words.
    """
    mode = _BY_VALUE.get(value)
    if mode is not None:
        return Payload(mode, value)
    if _HEX.fullmatch(value):
        return Payload(PayloadMode.DIGEST, value)
    raise InvalidArgument(
        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER,"
        " STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid"
        " sha256 value.",
        argument=HEADER,
        found=value[:100],
    )
