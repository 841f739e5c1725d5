"""Signatures of version 2, for old tools: HMAC-SHA1 over a short string, in a header or the query.

Owns      the string to sign, its list of sub-resources, and the grammar of both places.
Does not  protect the body or the other query parameters: version 2 cannot.
Invariant the path is signed as it was sent, still encoded; a bucket named by the Host header is put
          in front of it by the caller.
Source    AWS "Signing and authenticating REST requests (AWS signature version 2)".
"""

from __future__ import annotations

import base64
import hmac
import re
from typing import Final
from urllib.parse import unquote, unquote_to_bytes

import msgspec

from atoll.base.errors import AccessDenied, InvalidArgument
from atoll.s3.sigv4.canonical import Pairs
from atoll.s3.sigv4.verify import equals

SCHEME: Final = "AWS "

#: Query parameters that are part of the resource, hence signed.
SUB_RESOURCES: Final = frozenset(
    {
        *("accelerate", "acl", "analytics", "cors", "delete", "inventory", "lifecycle"),
        *("location", "logging", "metrics", "notification", "object-lock", "partNumber"),
        *("policy", "replication", "requestPayment", "response-cache-control"),
        *("response-content-disposition", "response-content-encoding"),
        *("response-content-language", "response-content-type", "response-expires"),
        *("restore", "select", "select-type", "storageClass", "tagging", "torrent", "uploadId"),
        *("uploads", "versionId", "versioning", "versions", "website"),
    }
)

_MARKS: Final = frozenset({"AWSAccessKeyId", "Signature"})
_KNOWN: Final = _MARKS | {"Expires"}
#: Headers that tools put into the query of a presigned URL, signed as if they were headers.
_MOVED: Final = frozenset({"content-md5", "content-type"})
_SECONDS: Final = re.compile(r"[0-9]{1,12}")


class V2Request(msgspec.Struct, frozen=True):
    """What a version 2 signature covers. `resource` is `/bucket/key`, raw."""

    method: str
    resource: bytes
    query: bytes
    headers: dict[str, str]


class V2Presigned(msgspec.Struct, frozen=True):
    """The authorization of a presigned URL; `expires` is seconds since 1970, as text."""

    access_key: str
    signature: str
    expires: str

    @property
    def expires_s(self) -> int:
        """Return the second since 1970 in which the URL expires."""
        return int(self.expires)


def parse_v2_authorization(value: str) -> tuple[str, str]:
    """Return access key and signature of an `AWS …` Authorization header.

    Raises
        InvalidArgument: it is not `AWS access-key:signature`.
    """
    access_key, separator, signature = value[len(SCHEME) :].strip(" ").rpartition(":")
    if not separator or not access_key or not signature:
        raise InvalidArgument(
            "AWS authorization header is invalid. Expected AwsAccessKeyId:signature",
            argument="Authorization",
        )
    return access_key, signature


def is_v2_presigned(pairs: Pairs) -> bool:
    """Return whether a query carries an authorization of version 2, whole or in part."""
    return any(name in _MARKS for name, _ in pairs)


def parse_v2_presigned(pairs: Pairs) -> V2Presigned:
    """Return the authorization in a query.

    Raises
        AccessDenied: a parameter is missing, given twice or not a number.
    """
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in _KNOWN:
            if name in found:
                raise AccessDenied(f"{name} may be given only once.")
            found[name] = unquote(value)
    if len(found) != len(_KNOWN) or not all(found.values()):
        raise AccessDenied(
            "Query-string authentication requires the Signature, Expires and AWSAccessKeyId"
            " parameters"
        )
    if not _SECONDS.fullmatch(found["Expires"]):
        raise AccessDenied(f"Invalid date (should be seconds since epoch): {found['Expires'][:40]}")
    return V2Presigned(found["AWSAccessKeyId"], found["Signature"], found["Expires"])


def spellings(request: V2Request) -> list[V2Request]:
    """Return a request as clients may have signed it.

    Some end a resource that is a bucket alone with a slash, though they do not send one: both
    spellings name the same bucket.
    """
    if len(request.resource) > 1 and request.resource.count(b"/") == 1:
        return [request, msgspec.structs.replace(request, resource=request.resource + b"/")]
    return [request]


def v2_string_to_sign(request: V2Request, expires: str | None = None) -> str:
    """Return what version 2 signs, characters standing for bytes (latin-1).

    `expires` takes the place of the date in presigned URLs, where headers may also stand in the
    query.
    """
    headers = dict(request.headers)
    if expires is not None:
        for name, value in _parameters(request.query):
            lower = name.lower()
            if lower in _MOVED or lower.startswith("x-amz-"):
                headers.setdefault(lower, value or "")
        date = expires
    else:
        date = "" if "x-amz-date" in headers else headers.get("date", "")
    amz = [
        f"{name}:{value}\n" for name, value in sorted(headers.items()) if name.startswith("x-amz-")
    ]
    return (
        f"{request.method}\n{headers.get('content-md5', '')}\n{headers.get('content-type', '')}\n"
        f"{date}\n{''.join(amz)}{_canonical_resource(request)}"
    )


def _parameters(query: bytes) -> list[tuple[str, str | None]]:
    """Return the decoded parameters of a raw query; the value is None without a `=`."""
    found: list[tuple[str, str | None]] = []
    for piece in query.split(b"&"):
        if piece:
            name, separator, value = piece.partition(b"=")
            text = unquote_to_bytes(value).decode("latin-1") if separator else None
            found.append((unquote_to_bytes(name).decode("latin-1"), text))
    return found


def _canonical_resource(request: V2Request) -> str:
    path = request.resource.decode("latin-1")
    if not request.query:
        return path
    chosen = sorted(
        (name, value) for name, value in _parameters(request.query) if name in SUB_RESOURCES
    )
    if not chosen:
        return path
    return path + "?" + "&".join(n if v is None else f"{n}={v}" for n, v in chosen)


def is_v2_signature(secret: str, string_to_sign: str, signature: str) -> bool:
    """Return whether a signature is the one of a secret; compared in constant time."""
    digest = hmac.digest(secret.encode("utf-8"), string_to_sign.encode("latin-1"), "sha1")
    return equals(base64.b64encode(digest).decode("ascii"), signature)
