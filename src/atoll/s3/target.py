"""What the request line and Host header name: bucket, key, query parameters.

Owns      path style and virtual-host style, percent-decoding (exactly once), UTF-8.
Does not  validate bucket names or keys (base.names) or normalise anything: keys are opaque, so
          `..`, `.`, `//` and a trailing `/` are parts of a key like any other.
Invariant the path is cut at `/` before it is decoded: an encoded slash never moves a border.
Source    AWS "Virtual hosting of general purpose buckets".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec

from atoll.s3.errors import S3Error
from atoll.s3.routes import Level

_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class Target(msgspec.Struct, frozen=True):
    """What a request names, decoded but not yet validated."""

    level: Level
    bucket: str | None
    key: bytes | None


_SERVICE: Final = Target(Level.SERVICE, None, None)


def parse_target(path: bytes, host: str | None, base_domains: Sequence[str]) -> Target:
    """Return what a raw path names, given the Host header and the domains that carry buckets.

    Raises
        S3Error: InvalidURI when the path is not valid percent-encoded UTF-8.
    """
    if not path.startswith(b"/"):
        raise S3Error("InvalidURI", uri=path[:80].decode("latin-1"))
    bucket = _bucket_of_host(host, base_domains) if base_domains and host else None
    if bucket is not None:
        raw_key = path[1:]
    else:
        raw_bucket, _, raw_key = path[1:].partition(b"/")
        if not raw_bucket:
            # `//x` names no bucket and is not the service either.
            if raw_key or path != b"/":
                raise S3Error("InvalidURI", uri=path[:80].decode("latin-1"))
            return _SERVICE
        bucket = _decode_text(raw_bucket)
    if not raw_key:
        return Target(Level.BUCKET, bucket, None)
    key = _decode(raw_key)
    if not key.isascii():
        _check_utf8(key)
    return Target(Level.OBJECT, bucket, key)


def parse_query(query: bytes) -> dict[str, str]:
    """Return the parameters of a raw query string by name; a name without `=` has an empty value.

    Raises
        S3Error: InvalidURI for bad encoding, InvalidArgument for a name given twice.
    """
    if not query:
        return {}
    parameters: dict[str, str] = {}
    for pair in query.split(b"&"):
        if not pair:
            continue
        raw_name, _, raw_value = pair.partition(b"=")
        name = _decode_text(raw_name.replace(b"+", b" "))
        if name in parameters:
            raise S3Error(
                "InvalidArgument",
                "A query parameter may be given only once.",
                argument=name,
                found=name,
            )
        parameters[name] = _decode_text(raw_value.replace(b"+", b" "))
    return parameters


def _bucket_of_host(host: str, base_domains: Sequence[str]) -> str | None:
    """Return the bucket that a Host header names in front of a base domain."""
    name = host.lower()
    if not name.startswith("["):
        name = name.partition(":")[0]
    for domain in base_domains:
        if name.endswith(domain) and name[: -len(domain)].endswith("."):
            return name[: -len(domain) - 1]
    return None


def _decode(raw: bytes) -> bytes:
    if b"%" not in raw:
        return raw
    if _BAD_ESCAPE.search(raw):
        raise S3Error("InvalidURI", uri=raw[:80].decode("latin-1"))
    return unquote_to_bytes(raw)


def _decode_text(raw: bytes) -> str:
    decoded = _decode(raw)
    return _check_utf8(decoded)


def _check_utf8(decoded: bytes) -> str:
    try:
        return decoded.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise S3Error("InvalidURI", uri=decoded[:80].decode("utf-8", "replace")) from exc
