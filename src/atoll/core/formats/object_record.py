"""Object record, format 1: head and summary of a register `b/<incarnation><object key>`.

Owns      the versions of one key as they are stored, and what a listing needs of the current one.
Does not  hold inline bytes: they lie in the register's `inline` field, one after the other in the
          order of the head's versions.
Invariant `versions` is newest first and every version in `pages` is older than all of them; where
          there is any version, the newest is in `versions`. At most one version is `null`.
Summary   empty when the current version is a delete marker or there is none.
Source    docs/formats/object-record.md
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

import msgspec

from atoll.core.formats.data_ref import StoredRef
from atoll.core.formats.framed import decode_framed

FORMAT: Final = 1
NULL_VERSION: Final = "null"
#: `inline_bytes` of a version whose bytes are elsewhere or that has none.
NOT_INLINE: Final = -1


class StoredChecksum(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A digest: algorithm name, raw bytes, whether it is a digest of part digests."""

    algorithm: str
    value: bytes
    composite: bool = False


class PartEntry(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One part of a multipart object; `ref` is None for a part of no bytes.

    `checksum` is raw bytes in the version's `part_algorithm`, empty without one.
    """

    number: int
    size_bytes: int
    ref: StoredRef | None
    checksum: bytes = b""


class VersionRecord(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One version. Its bytes are inline, or in `data`, or in `parts`, or in parts of `manifest`."""

    version_id: str
    is_delete_marker: bool
    modified_ns: int
    size_bytes: int = 0
    etag: str = ""
    inline_bytes: int = NOT_INLINE
    data: StoredRef | None = None
    checksum: StoredChecksum | None = None
    headers: dict[str, str] = {}
    metadata: dict[str, str] = {}
    tags: dict[str, str] = {}
    parts_count: int = 0
    part_algorithm: str = ""
    parts: tuple[PartEntry, ...] = ()
    manifest: StoredRef | None = None


class PageRef(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A page of older versions (`level` 0), or a page of page references (above).

    `hint_min`/`hint_max` bound the version hints (creation time, ns) of all versions below,
    the null version aside, so that a version is found without reading every page.
    """

    ref: StoredRef
    level: int
    count: int
    hint_min: int
    hint_max: int
    has_null: bool


class PendingUpload(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A completion in progress: its token was never here before and is consumed exactly once.

    `refused`: a condition did not hold when the token was consumed; kept until the upload
    is open again.
    """

    token: bytes
    upload_id: str
    refused: bool = False


class ObjectHead(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """All versions of a key."""

    versions: list[VersionRecord]
    pages: list[PageRef] = []
    pending: list[PendingUpload] = []


class ObjectSummary(
    msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False
):
    """What a listing shows of a current version."""

    modified_ns: int
    size_bytes: int
    etag: str
    checksum_algorithm: str = ""
    checksum_composite: bool = False


_encoder: Final = msgspec.msgpack.Encoder()
_heads: Final = msgspec.msgpack.Decoder(ObjectHead)
_summaries: Final = msgspec.msgpack.Decoder(ObjectSummary)
_summary_rows: Final = msgspec.msgpack.Decoder(list[int | ObjectSummary])
#: msgpack `array 32`, which its length follows.
_ARRAY_32: Final = b"\xdd"
_VERSION_BYTE: Final = bytes((FORMAT,))


def encode_head(head: ObjectHead) -> bytes:
    """Return the stored bytes of a head."""
    return _VERSION_BYTE + _encoder.encode(head)


def decode_head(raw: bytes) -> ObjectHead:
    """Return a head. Raises RecordCorrupt, FormatUnknown."""
    return decode_framed(_heads, FORMAT, raw, record="object head")


def encode_summary(current: VersionRecord) -> bytes:
    """Return the summary of a key whose current version is `current`."""
    if current.is_delete_marker:
        return b""
    checksum = current.checksum
    if checksum is None:
        summary = ObjectSummary(current.modified_ns, current.size_bytes, current.etag)
    else:
        summary = ObjectSummary(
            current.modified_ns,
            current.size_bytes,
            current.etag,
            checksum.algorithm,
            checksum.composite,
        )
    return _VERSION_BYTE + _encoder.encode(summary)


def decode_summary(raw: bytes) -> ObjectSummary:
    """Return a summary. Raises RecordCorrupt, FormatUnknown."""
    return decode_framed(_summaries, FORMAT, raw, record="object summary")


def decode_summaries(raws: Sequence[bytes]) -> list[ObjectSummary]:
    """Return many summaries. Raises RecordCorrupt, FormatUnknown.

    The version byte is a msgpack integer by itself, so summaries put one after the other are one
    msgpack array of versions and summaries, decoded by one call.
    """
    head = _ARRAY_32 + (2 * len(raws)).to_bytes(4, "big")
    try:
        pairs = _summary_rows.decode(head + b"".join(raws))
    except (msgspec.DecodeError, UnicodeDecodeError, OverflowError):
        pairs = []
    summaries = pairs[1::2]
    is_right = len(summaries) == len(raws) and set(map(type, summaries)) <= {ObjectSummary}
    if is_right and set(pairs[::2]) <= {FORMAT}:
        return cast("list[ObjectSummary]", summaries)
    # One of them is wrong: which one, and how, is found one by one.
    return [decode_summary(raw) for raw in raws]
