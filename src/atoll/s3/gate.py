"""The one gate: every request passes it before anything else looks at the request.

Owns      which kinds of authorization exist, their order of checks, and what a principal may do.
Does not  keep secrets (SecretLookup) or read bodies: how a body must be checked goes along with the
          principal, and `body` checks it.
Invariant a request without a valid signature is the anonymous principal or raises; the anonymous
          principal may do nothing. Nothing is allowed that is not named here.
State     a bounded cache of signing keys and one of parsed claims; no await in between, so one gate
          serves all tasks of an event loop.
Source    AWS "Authenticating Requests (AWS Signature Version 4)"; error sentences as AWS answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final, Protocol

import msgspec

from atoll.base.errors import (
    AccessDenied,
    AuthorizationMalformed,
    AuthorizationQueryMalformed,
    InvalidArgument,
    RequestExpired,
    RequestTimeSkewed,
    SignatureMismatch,
    TokenUnknown,
    UnknownAccessKey,
)
from atoll.base.names import BucketName, ObjectKey
from atoll.base.units import NS_PER_MS, NS_PER_S
from atoll.http.messages import Request
from atoll.s3.call import Principal
from atoll.s3.errors import S3Error
from atoll.s3.sigv4 import payload as payloads
from atoll.s3.sigv4 import v2
from atoll.s3.sigv4.canonical import Pairs, canonical_pairs, collect_headers
from atoll.s3.sigv4.chunked import ChunkSeed
from atoll.s3.sigv4.claim import (
    ALGORITHM,
    Claims,
    check_place,
    check_signed_headers,
    parse_authorization,
)
from atoll.s3.sigv4.keys import SigningKeys
from atoll.s3.sigv4.payload import Payload
from atoll.s3.sigv4.presigned import Presigned, is_presigned, parse_presigned, unsigned_pairs
from atoll.s3.sigv4.times import SKEW_NS_MAX, parse_date_header, render_amz_date
from atoll.s3.sigv4.verify import Signed, check_signature
from atoll.s3.target import parse_target
from atoll.s3.xml.times import render_iso_ns

SERVICE: Final = "s3"

#: Who calls without an authorization.
ANONYMOUS: Final = Principal("", "", "")

_NO_DATE: Final = "AWS authentication requires a valid Date or x-amz-date header"
_TOKEN: Final = "x-amz-security-token"


class Credential(msgspec.Struct, frozen=True):
    """What belongs to an access key."""

    secret: str
    principal: Principal

    def __repr__(self) -> str:
        # A secret must not reach a log through a traceback or a debug line.
        return f"Credential(principal={self.principal!r})"


class SecretLookup(Protocol):
    """Where access keys are known. Asked anew for every request, so a rotation counts at once."""

    def find(self, access_key: str) -> Credential | None:
        """Return the credential of an access key, or None. Must not block."""
        ...


class SecretSource(Protocol):
    """A keeper of secrets without principals: the root pair."""

    def secret_of(self, access_key: str) -> str | None:
        """Return the secret of an access key, or None."""
        ...


class RootLookup:
    """The SecretLookup of a system whose only user is the root account."""

    def __init__(self, source: SecretSource, *, account: str, display_name: str) -> None:
        self._source = source
        self._account = account
        self._display_name = display_name

    def find(self, access_key: str) -> Credential | None:
        """Return the credential of an access key, or None."""
        secret = self._source.secret_of(access_key)
        if secret is None:
            return None
        return Credential(secret, Principal(access_key, self._account, self._display_name))


class AuthKind(Enum):
    """How a request proved who sent it."""

    ANONYMOUS = "Anonymous"
    V4_HEADER = "AuthHeader"
    V4_QUERY = "QueryString"
    V2_HEADER = "V2Header"
    V2_QUERY = "V2QueryString"

    @property
    def is_query(self) -> bool:
        """Whether the proof stands in the URL."""
        return self in (AuthKind.V4_QUERY, AuthKind.V2_QUERY)


class Authenticated(msgspec.Struct, frozen=True, kw_only=True):
    """Who sent a request, and what was signed about its body."""

    principal: Principal
    kind: AuthKind
    payload: Payload
    #: Start of the chain of chunk signatures; only with signed chunks.
    seed: ChunkSeed | None = None


_ANONYMOUS: Final = Authenticated(
    principal=ANONYMOUS, kind=AuthKind.ANONYMOUS, payload=payloads.UNSIGNED
)


class Gate:
    """Authenticates and authorises."""

    def __init__(
        self,
        secrets: SecretLookup,
        *,
        region: str,
        root_account: str,
        base_domains: Sequence[str] = (),
        service: str = SERVICE,
        keys: SigningKeys | None = None,
    ) -> None:
        assert root_account, "the anonymous principal has the empty account"
        self._secrets = secrets
        self._region = region
        self._root_account = root_account
        self._base_domains = tuple(base_domains)
        self._service = service
        self._keys = keys or SigningKeys()
        self._claims = Claims()
        #: The time parsed last, nanoseconds of it, and its signed form: requests of one second
        #: carry the same.
        self._time: tuple[str, int, str] = ("", 0, "")

    # ── what a principal may do ────────────────────────────────────────────────────────────────

    def authorise(
        self,
        principal: Principal,
        action: str,
        bucket: BucketName | None,
        key: ObjectKey | None,
    ) -> None:
        """Allow an action on a bucket or key, or raise.

        Raises
            AccessDenied: no rule allows it. The only rule: the root account may do everything.
        """
        if not principal.access_key or principal.account != self._root_account:
            raise AccessDenied(action=action)

    # ── who sent a request ─────────────────────────────────────────────────────────────────────

    def authenticate(self, request: Request, now_ns: int) -> Authenticated:
        """Return who sent a request; without any authorization the anonymous principal.

        Raises
            Denied: unknown key, wrong signature, wrong time, unsigned headers.
            Invalid: the authorization is malformed, doubled, or of an unknown kind.
        """
        pairs = canonical_pairs(request.query) if request.query else []
        authorization = request.headers.get("authorization")
        by_query = bool(pairs) and is_presigned(pairs)
        by_v2_query = bool(pairs) and v2.is_v2_presigned(pairs)
        if by_query + by_v2_query + (authorization is not None) > 1:
            raise _doubled()
        headers = collect_headers(request.headers.pairs)
        if by_query:
            return self._by_query(request, headers, pairs, now_ns)
        if by_v2_query:
            return self._by_v2_query(request, headers, pairs, now_ns)
        if authorization is None:
            return _ANONYMOUS
        if headers["authorization"] != authorization:
            raise _doubled()
        if authorization.startswith(v2.SCHEME):
            return self._by_v2_header(request, headers, authorization, now_ns)
        return self._by_header(request, headers, pairs, now_ns)

    def _by_header(
        self, request: Request, headers: dict[str, str], pairs: Pairs, now_ns: int
    ) -> Authenticated:
        authorization = headers["authorization"]
        if not authorization.startswith(ALGORITHM + " "):
            raise InvalidArgument(
                "Unsupported Authorization Type", argument="Authorization", found=authorization[:16]
            )
        known = self._claims.find(authorization)
        claim, signature = known or parse_authorization(authorization)
        check_place(
            claim, region=self._region, service=self._service, malformed=AuthorizationMalformed
        )
        amz_date = self._check_time(headers, now_ns)
        if not amz_date.startswith(claim.date):
            raise AuthorizationMalformed(
                "The authorization header is malformed; Invalid credential date"
                f' "{claim.date}". Date is not the same as X-Amz-Date: "{amz_date[:8]}".'
            )
        credential = self._find(claim.access_key, headers.get(_TOKEN))
        check_signed_headers(claim, headers)
        payload = _header_payload(headers)
        key = self._keys.find(claim.place, credential.secret)
        signed = Signed(request.method, request.path, pairs, headers, payload.text)
        check_signature(signed, claim, amz_date=amz_date, key=key, signature=signature)
        if known is None:
            self._claims.remember(authorization, claim)
        seed = None
        if payload.mode.has_signed_chunks:
            seed = ChunkSeed(key, amz_date, claim.scope, signature)
        return Authenticated(
            principal=credential.principal, kind=AuthKind.V4_HEADER, payload=payload, seed=seed
        )

    def _by_query(
        self, request: Request, headers: dict[str, str], pairs: Pairs, now_ns: int
    ) -> Authenticated:
        presigned = parse_presigned(pairs)
        claim = presigned.claim
        check_place(
            claim,
            region=self._region,
            service=self._service,
            malformed=AuthorizationQueryMalformed,
        )
        _check_life(presigned, now_ns)
        credential = self._find(claim.access_key, presigned.token or headers.get(_TOKEN))
        check_signed_headers(claim, headers)
        payload = _query_payload(presigned, headers)
        signed = Signed(request.method, request.path, unsigned_pairs(pairs), headers, payload.text)
        check_signature(
            signed,
            claim,
            amz_date=presigned.amz_date,
            key=self._keys.find(claim.place, credential.secret),
            signature=presigned.signature,
        )
        return Authenticated(
            principal=credential.principal, kind=AuthKind.V4_QUERY, payload=payload
        )

    def _by_v2_header(
        self, request: Request, headers: dict[str, str], authorization: str, now_ns: int
    ) -> Authenticated:
        access_key, signature = v2.parse_v2_authorization(authorization)
        self._check_time(headers, now_ns)
        credential = self._find(access_key, headers.get(_TOKEN))
        _check_v2(credential, self._v2_request(request, headers), signature)
        return Authenticated(
            principal=credential.principal,
            kind=AuthKind.V2_HEADER,
            payload=_v2_payload(headers, AuthKind.V2_HEADER),
        )

    def _by_v2_query(
        self, request: Request, headers: dict[str, str], pairs: Pairs, now_ns: int
    ) -> Authenticated:
        presigned = v2.parse_v2_presigned(pairs)
        if now_ns >= presigned.expires_s * NS_PER_S:
            raise RequestExpired(
                expires=render_iso_ns(presigned.expires_s * NS_PER_S),
                server_time=render_iso_ns(now_ns),
            )
        token = headers.get(_TOKEN) or dict(pairs).get(_TOKEN)
        credential = self._find(presigned.access_key, token)
        signed = self._v2_request(request, headers)
        _check_v2(credential, signed, presigned.signature, presigned.expires)
        return Authenticated(
            principal=credential.principal,
            kind=AuthKind.V2_QUERY,
            payload=_v2_payload(headers, AuthKind.V2_QUERY),
        )

    def _v2_request(self, request: Request, headers: dict[str, str]) -> v2.V2Request:
        """Return what version 2 signs; a bucket in the Host header stands before the path."""
        bucket = parse_target(b"/", headers.get("host"), self._base_domains).bucket
        resource = request.path if bucket is None else b"/" + bucket.encode() + request.path
        return v2.V2Request(request.method, resource, request.query, headers)

    def _find(self, access_key: str, token: str | None) -> Credential:
        credential = self._secrets.find(access_key)
        if credential is None:
            raise UnknownAccessKey(access_key=access_key[:128])
        if token:
            # No session has ever been given out, so no token can be right.
            raise TokenUnknown
        return credential

    def _check_time(self, headers: dict[str, str], now_ns: int) -> str:
        """Return the time of a request in its signed form, if it is close enough to now."""
        text = headers.get("x-amz-date") or headers.get("date") or ""
        known, sent_ns, amz_date = self._time
        if not text or known != text:
            parsed = parse_date_header(text)
            if parsed is None:
                raise AccessDenied(_NO_DATE)
            sent_ns, amz_date = parsed, render_amz_date(parsed)
            self._time = (text, sent_ns, amz_date)
        if abs(now_ns - sent_ns) > SKEW_NS_MAX:
            raise RequestTimeSkewed(
                request_time=text,
                server_time=render_iso_ns(now_ns),
                skew_ms_max=SKEW_NS_MAX // NS_PER_MS,
            )
        return amz_date


def _doubled() -> InvalidArgument:
    return InvalidArgument(
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query"
        " string parameter or the Authorization header should be specified",
        argument="Authorization",
    )


def _header_payload(headers: dict[str, str]) -> Payload:
    value = headers.get(payloads.HEADER)
    if value is None:
        raise S3Error(
            "InvalidRequest", f"Missing required header for this request: {payloads.HEADER}"
        )
    return payloads.parse_payload(value)


def _query_payload(presigned: Presigned, headers: dict[str, str]) -> Payload:
    """Return what a presigned URL says about the body: nothing, unless it names a digest."""
    value = presigned.payload or headers.get(payloads.HEADER)
    if not value:
        return payloads.UNSIGNED
    payload = payloads.parse_payload(value)
    if payload.mode.is_streaming:
        raise S3Error("InvalidRequest", "A presigned URL cannot be used with a streamed payload.")
    return payload


def _check_life(presigned: Presigned, now_ns: int) -> None:
    if presigned.signed_ns - now_ns > SKEW_NS_MAX:
        raise AccessDenied(
            "Request is not yet valid",
            request_time=presigned.amz_date,
            server_time=render_iso_ns(now_ns),
        )
    expires_ns = presigned.signed_ns + presigned.expires_s * NS_PER_S
    if now_ns >= expires_ns:
        raise RequestExpired(
            expires_s=presigned.expires_s,
            expires=render_iso_ns(expires_ns),
            server_time=render_iso_ns(now_ns),
        )


def _check_v2(
    credential: Credential, request: v2.V2Request, signature: str, expires: str | None = None
) -> None:
    """Compare a signature with the spellings of what it may cover.

    Raises
        SignatureMismatch: it is of none, shown in the first.
    """
    texts = [v2.v2_string_to_sign(each, expires) for each in v2.spellings(request)]
    if not any(v2.is_v2_signature(credential.secret, text, signature) for text in texts):
        raise SignatureMismatch(
            access_key=credential.principal.access_key,
            string_to_sign=texts[0],
            signature=signature[:128],
        )


def _v2_payload(headers: dict[str, str], kind: AuthKind) -> Payload:
    """Return what the headers say about the body; version 2 has no chain to sign chunks with."""
    value = headers.get(payloads.HEADER)
    if value is None:
        return payloads.UNSIGNED
    payload = payloads.parse_payload(value)
    if payload.mode.has_signed_chunks or (payload.mode.is_streaming and kind.is_query):
        raise S3Error("InvalidRequest", "The payload cannot be signed this way with version 2.")
    return payload
