"""Signatures of version 4 that travel in the query: presigned URLs.

Owns      the grammar of the `X-Amz-…` parameters and the bounds of their life time.
Does not  know the time or compare signatures.
Invariant each parameter stands exactly once, and none is taken from elsewhere when it is missing.
Source    AWS "Authenticating Requests: Using Query Parameters"; sentences as AWS answers.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

import msgspec

from atoll.base.errors import AuthorizationQueryMalformed
from atoll.s3.sigv4.canonical import Pairs
from atoll.s3.sigv4.claim import ALGORITHM, Claim, make_claim
from atoll.s3.sigv4.times import parse_amz_date

#: Longest life of a presigned URL: a week.
EXPIRES_S_MAX: Final = 604_800

SIGNATURE: Final = "X-Amz-Signature"
_REQUIRED: Final = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    SIGNATURE,
    "X-Amz-Date",
    "X-Amz-SignedHeaders",
    "X-Amz-Expires",
)
_OPTIONAL: Final = ("X-Amz-Security-Token", "X-Amz-Content-Sha256")
_KNOWN: Final = frozenset(_REQUIRED + _OPTIONAL)
#: Any of these makes a request a presigned one.
_MARKS: Final = frozenset({"X-Amz-Algorithm", "X-Amz-Credential", SIGNATURE})

_NUMBER: Final = re.compile(r"-?[0-9]{1,19}")


class Presigned(msgspec.Struct, frozen=True):
    """The authorization of a presigned URL. `token` and `payload` are empty where absent."""

    claim: Claim
    amz_date: str
    signed_ns: int
    expires_s: int
    signature: str
    token: str
    payload: str


def is_presigned(pairs: Pairs) -> bool:
    """Return whether a query carries an authorization of version 4, whole or in part."""
    return any(name in _MARKS for name, _ in pairs)


def parse_presigned(pairs: Pairs) -> Presigned:
    """Return the authorization in a query.

    Raises
        AuthorizationQueryMalformed: a parameter is missing, given twice or out of range.
    """
    found = _collect(pairs)
    if any(name not in found for name in _REQUIRED):
        raise AuthorizationQueryMalformed(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential,"
            " X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
        )
    if found["X-Amz-Algorithm"] != ALGORITHM:
        raise AuthorizationQueryMalformed(f'X-Amz-Algorithm only supports "{ALGORITHM}"')
    claim = make_claim(
        found["X-Amz-Credential"],
        found["X-Amz-SignedHeaders"],
        malformed=AuthorizationQueryMalformed,
    )
    amz_date = found["X-Amz-Date"]
    signed_ns = parse_amz_date(amz_date)
    if signed_ns is None:
        raise AuthorizationQueryMalformed(
            "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\""
        )
    if not amz_date.startswith(claim.date):
        raise AuthorizationQueryMalformed(
            f'Invalid credential date "{claim.date}". This date is not the same as X-Amz-Date:'
            f' "{amz_date[:8]}".'
        )
    return Presigned(
        claim,
        amz_date,
        signed_ns,
        _parse_expires(found["X-Amz-Expires"]),
        found[SIGNATURE],
        found.get("X-Amz-Security-Token", ""),
        found.get("X-Amz-Content-Sha256", ""),
    )


def _collect(pairs: Pairs) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in _KNOWN:
            if name in found:
                raise AuthorizationQueryMalformed(f"{name} may be given only once.")
            found[name] = unquote(value)
    return found


def _parse_expires(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise AuthorizationQueryMalformed("X-Amz-Expires should be a number")
    expires_s = int(text)
    if expires_s < 1:
        raise AuthorizationQueryMalformed("X-Amz-Expires must be positive")
    if expires_s > EXPIRES_S_MAX:
        raise AuthorizationQueryMalformed(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires"
            f" must be less than {EXPIRES_S_MAX} seconds"
        )
    return expires_s


def unsigned_pairs(pairs: Pairs) -> Pairs:
    """Return the parameters that the signature covers: all but itself."""
    return [pair for pair in pairs if pair[0] != SIGNATURE]
