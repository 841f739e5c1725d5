"""Key pairs: an access key that is public and a secret key that is not.

Owns      what a valid pair is and how one is generated.
Does not  keep pairs (iam.root) or read settings (load.py).
Invariant a KeyPair never shows its secret: not by repr, not by str, not by rich.
"""

from __future__ import annotations

import base64
import re
from typing import Final

import msgspec

from atoll.base.clock import Entropy
from atoll.config.errors import ConfigError

ACCESS_KEY_CHARACTERS_MIN: Final = 3
SECRET_KEY_CHARACTERS_MIN: Final = 8
#: Long enough for any tool's keys, short enough for a header.
KEY_CHARACTERS_MAX: Final = 128

_ACCESS_KEY_BYTES: Final = 12
_SECRET_KEY_BYTES: Final = 30
#: The access key stands unescaped in `Credential=KEY/date/…,` and in V2's `AWS KEY:signature`.
_ACCESS_KEY: Final = re.compile(r"[!-~]+")
_SEPARATORS: Final = frozenset("/,=:")


class KeyPair(msgspec.Struct, frozen=True):
    """An access key and its secret key."""

    access_key: str
    secret_key: str

    def __repr__(self) -> str:
        return f"KeyPair(access_key={self.access_key!r}, secret_key=<hidden>)"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        """Return what rich may show."""
        return [("access_key", self.access_key), ("secret_key", "<hidden>")]


def parse_pair(access_key: str, secret_key: str) -> KeyPair:
    """Return a valid pair.

    Raises
        ConfigError: a key is too short, too long, or has characters that cannot be used.
    """
    if not ACCESS_KEY_CHARACTERS_MIN <= len(access_key) <= KEY_CHARACTERS_MAX:
        raise ConfigError(
            f"access_key: expected {ACCESS_KEY_CHARACTERS_MIN} to {KEY_CHARACTERS_MAX} characters, "
            f"found {len(access_key)}"
        )
    if not _ACCESS_KEY.fullmatch(access_key) or _SEPARATORS & set(access_key):
        raise ConfigError(
            "access_key: expected printable ASCII without spaces and / , = : and found others"
        )
    if not SECRET_KEY_CHARACTERS_MIN <= len(secret_key) <= KEY_CHARACTERS_MAX:
        raise ConfigError(
            f"secret_key: expected {SECRET_KEY_CHARACTERS_MIN} to {KEY_CHARACTERS_MAX} characters, "
            f"found {len(secret_key)}"
        )
    if not secret_key.isprintable() or secret_key != secret_key.strip():
        raise ConfigError("secret_key: expected printable characters without a space at either end")
    return KeyPair(access_key, secret_key)


def generate_pair(entropy: Entropy) -> KeyPair:
    """Return a new random pair: 20 characters with 96 bits, 40 characters with 240 bits."""
    access = base64.b32encode(entropy.random_bytes(_ACCESS_KEY_BYTES)).decode("ascii").rstrip("=")
    secret = base64.urlsafe_b64encode(entropy.random_bytes(_SECRET_KEY_BYTES)).decode("ascii")
    return parse_pair(access, secret)
