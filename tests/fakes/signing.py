"""Sign requests as clients do, with botocore's own signers at a fixed time, and frame bodies.

Nothing here uses the code under test: keys and chains are computed with `hmac` alone.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence

from botocore.auth import HmacV1Auth, HmacV1QueryAuth, S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from atoll.http.messages import Request
from atoll.s3.call import Principal
from atoll.s3.gate import Credential
from fakes.http import ChunksBody, make_request

ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
ACCOUNT = "root-account"
REGION = "us-east-1"
PRINCIPAL = Principal(ACCESS_KEY, ACCOUNT, "root")

#: Fri, 24 May 2013 00:00:00 GMT, the time of AWS's examples.
AMZ_DATE = "20130524T000000Z"
NOW_NS = 1_369_353_600 * 1_000_000_000
SCOPE = f"20130524/{REGION}/s3/aws4_request"
SIGNED_STREAM = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
HOST = "127.0.0.1:9000"

_EMPTY = hashlib.sha256().hexdigest()


class FakeSecrets:
    """A SecretLookup; `credentials` may be replaced at any time."""

    def __init__(self) -> None:
        self.credentials = {ACCESS_KEY: Credential(SECRET, PRINCIPAL)}

    def find(self, access_key: str) -> Credential | None:
        """Return the credential of an access key."""
        return self.credentials.get(access_key)


class _AtFixedTime:
    def add_auth(self, request):
        request.context["timestamp"] = AMZ_DATE
        self._modify_request_before_signing(request)
        text = self.string_to_sign(request, self.canonical_request(request))
        self._inject_signature_to_request(request, self.signature(text, request))


class HeaderSigner(_AtFixedTime, S3SigV4Auth):
    """Version 4 in the Authorization header."""


class QuerySigner(_AtFixedTime, S3SigV4QueryAuth):
    """Version 4 in the query."""


class V2HeaderSigner(HmacV1Auth):
    """Version 2 in the Authorization header."""

    def _get_date(self):
        return "Fri, 24 May 2013 00:00:00 GMT"


class V2QuerySigner(HmacV1QueryAuth):
    """Version 2 in the query, for an hour."""

    def _get_date(self):
        return str(NOW_NS // 1_000_000_000 + 3600)


def sign(
    method: str,
    target: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    *,
    kind: str = "header",
    payload: str | None = None,
    expires_s: int = 600,
    access_key: str = ACCESS_KEY,
    secret: str = SECRET,
    region: str = REGION,
    chunks: Iterable[bytes] | None = None,
) -> Request:
    """Return a signed request. `payload` is a value of x-amz-content-sha256 to sign instead.

    `kind` is `header`, `query`, `v2` or `v2-query`. `chunks` replace the body, as they arrive.
    """
    request = AWSRequest(
        method=method,
        url=f"http://{HOST}{target}",
        data=body,
        headers={"Host": HOST, **(headers or {})},
    )
    request.context["client_config"] = None
    if payload is not None:
        request.headers["X-Amz-Content-SHA256"] = payload
    _signer(kind, Credentials(access_key, secret), region, expires_s, payload).add_auth(request)
    url = request.url
    pairs: Sequence[tuple[str, str]] = [
        (name, str(value)) for name, value in request.headers.items()
    ]
    if kind == "v2-query":
        pairs = [pair for pair in pairs if pair[0] != "Date"]
    sent: bytes | ChunksBody = body
    if chunks is not None:
        pieces = list(chunks)
        sent = ChunksBody(pieces, length_bytes=sum(map(len, pieces)))
    return make_request(method, url.removeprefix(f"http://{HOST}"), pairs, sent)


def _signer(kind, credentials, region, expires_s, payload):
    if kind == "v2":
        return V2HeaderSigner(credentials)
    if kind == "v2-query":
        return V2QuerySigner(credentials)
    if kind == "query":
        signer = QuerySigner(credentials, "s3", region, expires=expires_s)
    else:
        signer = HeaderSigner(credentials, "s3", region)
    if payload is not None:
        signer.payload = lambda request: payload
    return signer


def signing_key(secret: str = SECRET, region: str = REGION) -> bytes:
    """Return the raw signing key of the fixed day."""
    key = f"AWS4{secret}".encode()
    for part in ("20130524", region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def _link(algorithm: str, previous: str, text: str) -> str:
    message = f"{algorithm}\n{AMZ_DATE}\n{SCOPE}\n{previous}\n{text}"
    return hmac.new(signing_key(), message.encode(), hashlib.sha256).hexdigest()


def frame_signed(
    seed: str,
    chunks: Sequence[bytes],
    trailer: Mapping[str, str] | None = None,
    *,
    end: str = "\r\n",
) -> bytes:
    """Return a body of signed chunks, the last of size 0 included; `end` ends a trailer's line."""
    framed = bytearray()
    previous = seed
    for chunk in (*chunks, b""):
        digest = hashlib.sha256(chunk).hexdigest()
        previous = _link("AWS4-HMAC-SHA256-PAYLOAD", previous, f"{_EMPTY}\n{digest}")
        framed += f"{len(chunk):x};chunk-signature={previous}\r\n".encode() + chunk
        framed += b"\r\n" if chunk else b""
    if trailer is None:
        return bytes(framed + b"\r\n")
    canonical = "".join(f"{name}:{value}\n" for name, value in trailer.items())
    signature = _link(
        "AWS4-HMAC-SHA256-TRAILER", previous, hashlib.sha256(canonical.encode()).hexdigest()
    )
    for name, value in trailer.items():
        framed += f"{name}:{value}{end}".encode()
    return bytes(framed + f"x-amz-trailer-signature:{signature}\r\n\r\n".encode())


def frame_plain(
    chunks: Sequence[bytes], trailer: Mapping[str, str] | None = None, *, end: str = "\r\n"
) -> bytes:
    """Return a body of unsigned chunks with a trailer."""
    framed = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    lines = "".join(f"{name}:{value}{end}" for name, value in (trailer or {}).items())
    return framed + b"0\r\n" + lines.encode() + b"\r\n"
