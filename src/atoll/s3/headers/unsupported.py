"""Wishes in headers that this version cannot fulfil: refused before anything happens.

Owns      the table of such headers, and the code each is answered with.
Does not  read documents; actions refuse what stands there.
Invariant a request that asks for encryption, a lock, an ACL other than private, another storage
          class or an append changes nothing, nor does a write that shall depend on a date; none of
          these is ever ignored.
Source    AWS error codes. ACL wishes get AccessControlListNotSupported, what S3 answers on buckets
          that enforce their owner (its own default, and the only mode here); of a bucket that is
          only being made, InvalidBucketAclWithObjectOwnership. Other storage classes
          get InvalidStorageClass. The rest gets NotImplemented, S3's code for a header that implies
          functionality which is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from atoll.s3.errors import S3Error

_NONE: Final[frozenset[str]] = frozenset()

#: Harmless values: what every bucket does anyway.
_ACCEPTED: Final[Mapping[str, frozenset[str]]] = {
    "x-amz-acl": frozenset({"private", "bucket-owner-full-control", "bucket-owner-read"}),
    "x-amz-storage-class": frozenset({"STANDARD"}),
    "x-amz-object-ownership": frozenset({"BucketOwnerEnforced"}),
    "x-amz-bucket-object-lock-enabled": frozenset({"false", "False"}),
    "x-amz-object-lock-legal-hold": frozenset({"OFF"}),
    "x-amz-bucket-namespace": frozenset({"global"}),
    # Appending, and conditions of directory buckets: ignored, they would overwrite or delete.
    "x-amz-write-offset-bytes": _NONE,
    "x-amz-if-match-last-modified-time": _NONE,
    "x-amz-if-match-size": _NONE,
    "x-amz-if-match-initiated-time": _NONE,
    # Digests that are not computed here; storing the bytes unchecked would break a promise.
    "x-amz-checksum-md5": _NONE,
    "x-amz-checksum-sha512": _NONE,
    "x-amz-checksum-xxhash3": _NONE,
    "x-amz-checksum-xxhash64": _NONE,
    "x-amz-checksum-xxhash128": _NONE,
}
_CODES: Final[Mapping[str, str]] = {
    "x-amz-acl": "AccessControlListNotSupported",
    "x-amz-storage-class": "InvalidStorageClass",
}
_CANNED_ACLS: Final = frozenset(
    {
        "public-read",
        "public-read-write",
        "authenticated-read",
        "aws-exec-read",
        "log-delivery-write",
    }
)
#: Values that S3 knows, of headers whose other values are no wish but a mistake.
_KNOWN: Final[Mapping[str, frozenset[str]]] = {
    "x-amz-acl": _CANNED_ACLS,
    "x-amz-object-ownership": frozenset({"BucketOwnerPreferred", "ObjectWriter"}),
}
_GRANT: Final = "x-amz-grant-"
_NEW_BUCKET: Final = "CreateBucket"
#: S3 knows it on reads only. RFC 9110 has it guard writes too, so that ignoring it loses an update.
_DATED_WRITE: Final = "if-unmodified-since"
_PREFIXES: Final = (
    _GRANT,
    "x-amz-server-side-encryption",
    "x-amz-copy-source-server-side-encryption",
    "x-amz-object-lock-",
)


def refuse_headers(pairs: Iterable[tuple[str, str]], action: str, *, is_read: bool) -> None:
    """Check all headers of a request for an action.

    Raises
        S3Error: a header asks for what this version cannot do.
    """
    for name, value in pairs:
        if name[:6] != "x-amz-":
            if name == _DATED_WRITE and not is_read:
                raise _refusal(name, value, action)
            continue
        accepted = _ACCEPTED.get(name)
        if accepted is not None:
            if value not in accepted:
                raise _refusal(name, value, action)
        elif name.startswith(_PREFIXES):
            raise _refusal(name, value, action)


def _refusal(name: str, value: str, action: str) -> S3Error:
    known = _KNOWN.get(name)
    if known is not None and value not in known:
        return S3Error("InvalidArgument", argument=name, found=value)
    code = _CODES.get(name, "NotImplemented")
    if code == "InvalidStorageClass":
        return S3Error(code, storage_class=value)
    if name.startswith(_GRANT):
        code = _CODES["x-amz-acl"]
    if code == _CODES["x-amz-acl"] and action == _NEW_BUCKET:
        code = "InvalidBucketAclWithObjectOwnership"
    return S3Error(code, header=name)
