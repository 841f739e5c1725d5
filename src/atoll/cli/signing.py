"""Signatures of the command line, by botocore: an implementation that is not ours proves the gate.

Loaded by name when a request is signed (tools.py): botocore takes longer to import than most
commands take to run.
"""

from __future__ import annotations

from typing import Final

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from atoll.config.credentials import KeyPair

_SERVICE: Final = "s3"


class BotoSigner:
    """Signs for one key pair and region; fulfils tools.Signer."""

    def __init__(self, pair: KeyPair, region: str) -> None:
        self._credentials = Credentials(pair.access_key, pair.secret_key)
        self._region = region

    def sign(self, *, method: str, url: str, body: bytes) -> dict[str, str]:
        """Return all headers of a signed request."""
        request = AWSRequest(method=method, url=url, data=body, headers={})
        if body:
            request.headers["Content-Type"] = "application/json"
        # Over TLS botocore would leave the body unsigned; the gate checks what is signed.
        request.context["payload_signing_enabled"] = True
        S3SigV4Auth(self._credentials, _SERVICE, self._region).add_auth(request)
        return {str(name): str(value) for name, value in request.headers.items()}

    def presign(self, *, method: str, url: str, expires_s: int) -> str:
        """Return a URL that is valid for `expires_s` seconds."""
        request = AWSRequest(method=method, url=url)
        S3SigV4QueryAuth(self._credentials, _SERVICE, self._region, expires_s).add_auth(request)
        return str(request.url)
