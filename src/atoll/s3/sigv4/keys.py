"""Signing keys of signature version 4, and a bounded cache of them.

Owns      derivation of a key from a secret and a credential scope; HMAC-SHA256 with it.
Invariant a cached key is used only with the secret it was derived from, so replacing a secret takes
          effect with the next request and nothing has to be invalidated.
Cost      a derivation is four HMACs; a signature with a kept key is two updates of copied hash
          states, a quarter of the time that HMAC with a fresh key takes.
Source    AWS "Create a signed AWS API request", step "Calculate the signature"; RFC 2104.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

_BLOCK_BYTES: Final = 64
_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))

#: Terminator of every credential scope.
TERMINATOR: Final = "aws4_request"


class SigningKey:
    """A key whose two hash states are prepared once."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        assert len(key) <= _BLOCK_BYTES, "derived keys are 32 bytes"
        block = key.ljust(_BLOCK_BYTES, b"\0")
        self._inner = hashlib.sha256(block.translate(_INNER))
        self._outer = hashlib.sha256(block.translate(_OUTER))

    def sign(self, message: bytes) -> str:
        """Return the HMAC-SHA256 of a message, in lower-case hex."""
        inner = self._inner.copy()
        inner.update(message)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest()


def derive_signing_key(secret: str, date: str, region: str, service: str) -> SigningKey:
    """Return the key of one secret, day (`20130524`), region and service."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, TERMINATOR):
        key = hmac.digest(key, part.encode("utf-8", "surrogateescape"), "sha256")
    return SigningKey(key)


class SigningKeys:
    """The signing keys used last, at most `count_max`, oldest derivation first out."""

    __slots__ = ("_count_max", "_keys")

    def __init__(self, count_max: int = 256) -> None:
        assert count_max > 0
        self._count_max = count_max
        #: (access key, date, region, service) → secret it was derived from, key.
        self._keys: dict[tuple[str, str, str, str], tuple[str, SigningKey]] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, place: tuple[str, str, str, str], secret: str) -> SigningKey:
        """Return the key of a place (access key, date, region, service), derived when needed."""
        found = self._keys.get(place)
        if found is not None and found[0] == secret:
            return found[1]
        _, date, region, service = place
        key = derive_signing_key(secret, date, region, service)
        # A replaced secret moves its key to the end, where it is the youngest.
        self._keys.pop(place, None)
        if len(self._keys) >= self._count_max:
            del self._keys[next(iter(self._keys))]
        self._keys[place] = (secret, key)
        return key
