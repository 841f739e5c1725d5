"""What a request claims about its signature: who signed, for where, over which headers.

Owns      the grammar of the Authorization header and of a credential; the rules which headers must
          be among the signed ones.
Does not  know secrets or times. A claim proves nothing until its signature was compared.
Invariant `host` and every `x-amz-*` header of the request are signed, so no proxy and no attacker
          can add one.
Source    AWS "Authenticating Requests: Using the Authorization Header"; sentences as AWS answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from atoll.base.errors import AccessDenied, AuthorizationMalformed, AuthorizationQueryMalformed
from atoll.s3.sigv4.keys import TERMINATOR

ALGORITHM: Final = "AWS4-HMAC-SHA256"

#: Longest Authorization header that is looked at; a claim with all S3 headers has below 1 KiB.
AUTHORIZATION_CHARS_MAX: Final = 8192

_MARK: Final = "Signature="
_PARTS: Final = ("Credential", "SignedHeaders", "Signature")
_HEADER: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9a-z]+(?:;[!#$%&'*+\-.^_`|~0-9a-z]+)*")
_DAY: Final = re.compile(r"[0-9]{8}")

#: Which of the two classes a malformed credential raises.
Malformed = type[AuthorizationMalformed] | type[AuthorizationQueryMalformed]


class Claim(msgspec.Struct, frozen=True):
    """Everything in a signed request's authorization but time and signature."""

    access_key: str
    date: str
    region: str
    service: str
    #: `date/region/service/aws4_request`
    scope: str
    signed_headers: str
    #: `signed_headers`, split.
    names: tuple[str, ...]
    name_set: frozenset[str]

    @property
    def place(self) -> tuple[str, str, str, str]:
        """Return what a signing key belongs to, besides its secret."""
        return self.access_key, self.date, self.region, self.service


def parse_authorization(value: str) -> tuple[Claim, str]:
    """Return claim and signature of an Authorization header of signature version 4.

    Raises
        AuthorizationMalformed: a component is missing, given twice or not well formed.
    """
    if len(value) > AUTHORIZATION_CHARS_MAX:
        raise _malformed("it is too long.")
    found: dict[str, str] = {}
    for piece in value[len(ALGORITHM) :].split(","):
        name, separator, text = piece.strip(" ").partition("=")
        if name not in _PARTS or not separator or name in found:
            raise _malformed(
                "the authorization header requires three components: Credential, SignedHeaders, and"
                " Signature."
            )
        found[name] = text
    if len(found) != len(_PARTS):
        missing = ", ".join(name for name in _PARTS if name not in found)
        raise _malformed(f"missing {missing}.")
    claim = make_claim(
        found["Credential"], found["SignedHeaders"], malformed=AuthorizationMalformed
    )
    return claim, found["Signature"]


def _malformed(reason: str) -> AuthorizationMalformed:
    return AuthorizationMalformed(f"The authorization header is malformed; {reason}")


def make_claim(credential: str, signed_headers: str, *, malformed: Malformed) -> Claim:
    """Return a claim from its two texts.

    Raises
        AuthorizationMalformed | AuthorizationQueryMalformed: as given by `malformed`.
    """
    pieces = credential.rsplit("/", 4)
    if len(pieces) != 5 or not pieces[0] or not _DAY.fullmatch(pieces[1]):
        raise malformed(
            f"{_subject(malformed)} the Credential is mal-formed; expecting"
            ' "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
        )
    access_key, date, region, service, terminator = pieces
    if terminator != TERMINATOR:
        raise malformed(
            f'{_subject(malformed)} incorrect terminal "{terminator[:40]}". This endpoint uses'
            f' "{TERMINATOR}".'
        )
    names = tuple(signed_headers.split(";"))
    if not _HEADER.fullmatch(signed_headers) or len(set(names)) != len(names):
        raise malformed(f"{_subject(malformed)} the SignedHeaders are mal-formed.")
    scope = f"{date}/{region}/{service}/{terminator}"
    return Claim(access_key, date, region, service, scope, signed_headers, names, frozenset(names))


def _subject(malformed: Malformed) -> str:
    if malformed is AuthorizationMalformed:
        return "The authorization header is malformed;"
    return "Error parsing the X-Amz-Credential parameter;"


def check_place(claim: Claim, *, region: str, service: str, malformed: Malformed) -> None:
    """Refuse a claim that was signed for another region or service.

    Raises
        AuthorizationMalformed | AuthorizationQueryMalformed: with the region expected.
    """
    if claim.region != region:
        raise malformed(
            f"{_subject(malformed)} the region '{claim.region[:64]}' is wrong; expecting"
            f" '{region}'",
            region=region,
        )
    if claim.service != service:
        raise malformed(
            f'{_subject(malformed)} incorrect service "{claim.service[:64]}". This endpoint'
            f' belongs to "{service}".'
        )


def check_signed_headers(claim: Claim, headers: Mapping[str, str]) -> None:
    """Refuse a request that carries headers which must be signed and are not.

    Raises
        AccessDenied: with the names of the headers.
    """
    signed = claim.name_set
    loose = [name for name in headers.keys() - signed if name.startswith("x-amz-")]
    if "host" not in signed:
        loose.append("host")
    if loose:
        raise AccessDenied(
            "There were headers present in the request which were not signed",
            headers_not_signed=", ".join(sorted(loose)),
        )


class Claims:
    """Parsed Authorization headers of callers that proved themselves, at most `count_max`.

    A client repeats everything before its signature in every request of a day.
    """

    __slots__ = ("_claims", "_count_max")

    def __init__(self, count_max: int = 256) -> None:
        assert count_max > 0
        self._count_max = count_max
        #: Text up to and with `Signature=` → its claim.
        self._claims: dict[str, Claim] = {}

    def __len__(self) -> int:
        return len(self._claims)

    def find(self, authorization: str) -> tuple[Claim, str] | None:
        """Return claim and signature of a header that differs from a kept one in its signature."""
        head, mark, signature = authorization.rpartition(_MARK)
        claim = self._claims.get(head + mark)
        return None if claim is None else (claim, signature)

    def remember(self, authorization: str, claim: Claim) -> None:
        """Keep the claim of a request whose signature was right; others would crowd it out."""
        head, mark, signature = authorization.rpartition(_MARK)
        # With something behind the signature the text before it does not tell the whole claim.
        if "," in signature:
            return
        if len(self._claims) >= self._count_max:
            del self._claims[next(iter(self._claims))]
        self._claims[head + mark] = claim
