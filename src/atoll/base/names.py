"""Names that come from outside, validated once: who holds a BucketName or ObjectKey may trust it.

Source    AWS "Bucket naming rules", "Naming Amazon S3 objects".
Invariant an ObjectKey is 1…1,024 bytes of UTF-8 without NUL; it is opaque (never a path).
"""

from __future__ import annotations

import re
from typing import Final, NewType

from atoll.base.errors import InvalidKey, InvalidName, KeyTooLong
from atoll.base.limits import KEY_BYTES_MAX

BucketName = NewType("BucketName", str)
#: UTF-8 bytes, so that comparing keys is comparing bytes, the order S3 lists in.
ObjectKey = NewType("ObjectKey", bytes)
VersionId = NewType("VersionId", str)
UploadId = NewType("UploadId", str)

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_IPV4: Final = re.compile(r"\d+\.\d+\.\d+\.\d+")
_PREFIXES: Final = ("xn--", "sthree-", "amzn-s3-demo-")
_SUFFIXES: Final = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def parse_bucket_name(text: str) -> BucketName:
    """Return a bucket name that satisfies AWS's rules for general purpose buckets.

    Raises
        InvalidName: it does not; the message says which rule.
    """
    if not _BUCKET.fullmatch(text):
        raise InvalidName("The specified bucket is not valid.", bucket=text[:80])
    if ".." in text or _IPV4.fullmatch(text):
        raise InvalidName("The specified bucket is not valid.", bucket=text)
    if text.startswith(_PREFIXES) or text.endswith(_SUFFIXES):
        raise InvalidName("The specified bucket is not valid.", bucket=text)
    return BucketName(text)


def parse_object_key(raw: bytes) -> ObjectKey:
    """Return an object key from its percent-decoded bytes.

    Raises
        KeyTooLong: more than 1,024 bytes.
        InvalidKey: empty, not UTF-8, or with a NUL.
    """
    if len(raw) > KEY_BYTES_MAX:
        raise KeyTooLong(size_bytes=len(raw), size_bytes_max=KEY_BYTES_MAX)
    if not raw or b"\0" in raw:
        raise InvalidKey(key=raw[:80])
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise InvalidKey(key=raw[:80]) from exc
    return ObjectKey(raw)
