"""Compare the signature of a version 4 request with the one its secret gives.

Owns      the order of the canonical request's lines and the comparison, in constant time.
Does not  find secrets, judge times or read bodies.
Errors    a mismatch carries string to sign and canonical request, as AWS answers them: the caller
          holds everything in them already.
"""

from __future__ import annotations

import hmac

import msgspec

from atoll.base.errors import SignatureMismatch
from atoll.s3.sigv4.canonical import (
    Pairs,
    canonical_headers,
    canonical_path,
    render_pairs,
    string_to_sign,
)
from atoll.s3.sigv4.claim import Claim
from atoll.s3.sigv4.keys import SigningKey


class Signed(msgspec.Struct, frozen=True):
    """What a signature covers: `pairs` is the query without the signature."""

    method: str
    path: bytes
    pairs: Pairs
    headers: dict[str, str]
    payload: str


def render_canonical_request(signed: Signed, claim: Claim) -> str:
    """Return the canonical request, characters standing for bytes (latin-1)."""
    return (
        f"{signed.method}\n{canonical_path(signed.path)}\n{render_pairs(signed.pairs)}\n"
        f"{canonical_headers(signed.headers, claim.names)}\n{claim.signed_headers}\n"
        f"{signed.payload}"
    )


def check_signature(
    signed: Signed, claim: Claim, *, amz_date: str, key: SigningKey, signature: str
) -> None:
    """Compare a signature.

    Raises
        SignatureMismatch: it is another one.
    """
    canonical = render_canonical_request(signed, claim)
    text = string_to_sign(amz_date, claim.scope, canonical)
    if not equals(key.sign(text.encode("latin-1")), signature):
        raise SignatureMismatch(
            access_key=claim.access_key,
            string_to_sign=text,
            signature=signature[:128],
            canonical_request=canonical,
        )


def equals(expected: str, found: str) -> bool:
    """Compare two signatures in time that depends on their length only."""
    # Text with other characters cannot be compared, and is no signature.
    return found.isascii() and hmac.compare_digest(expected, found)
