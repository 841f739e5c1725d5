"""Sealed JSON: documents on a drive that a person may read and nothing but rot changes unseen.

Owns      the members `format` and `checksum` of such a document, and how a document is checked.
Form      JSON, indented by two. `checksum` is the XXH3-128, in hex, of the document's bytes with
          zeros in the place of its digits: it is checked without knowing what the document says,
          so the document of a later version is told from a damaged one.
Errors    opening raises only Damaged errors, whatever the bytes are.
Source    docs/formats/drive-identity.md, docs/formats/credentials.md
"""

from __future__ import annotations

import re
from typing import Any, Final, TypeVar

import msgspec
import xxhash

from atoll.base.errors import FormatUnknown, RecordCorrupt

T = TypeVar("T")

#: No string of a JSON document can hold a bare quotation mark, so this matches members alone.
_CHECKSUM: Final = re.compile(rb'"checksum": "([0-9a-f]{32})"')
_BLANK: Final = "0" * 32


def seal_json(document: msgspec.Struct, version: int) -> bytes:
    """Return a document with its format and checksum, ready to be written."""
    members = {"format": version, "checksum": _BLANK, **msgspec.to_builtins(document)}
    raw = msgspec.json.format(msgspec.json.encode(members), indent=2) + b"\n"
    return raw.replace(_BLANK.encode(), xxhash.xxh3_128_hexdigest(raw).encode(), 1)


def open_json(raw: bytes, kind: type[T], version: int, *, record: str) -> T:
    """Return the document in `raw`.

    Raises
        RecordCorrupt: the checksum is absent or wrong, or the document has another shape.
        FormatUnknown: another version wrote it.
    """
    found = _CHECKSUM.findall(raw)
    if len(found) != 1 or _digest(raw) != found[0]:
        raise RecordCorrupt(f"The {record} is damaged: it does not match its checksum.")
    try:
        members = msgspec.json.decode(raw, type=dict[str, Any])
        written_by = members.pop("format", None)
        members.pop("checksum", None)
        if written_by != version:
            raise FormatUnknown(f"The {record} was written by another version.", version=written_by)
        return msgspec.convert(members, kind)
    except (msgspec.DecodeError, UnicodeDecodeError, OverflowError, RecursionError) as exc:
        # The decoder's sentence could repeat a piece of a secret.
        raise RecordCorrupt(f"The {record} is damaged: it cannot be decoded.") from exc


def _digest(raw: bytes) -> bytes:
    at = _CHECKSUM.search(raw)
    assert at is not None
    blank = raw[: at.start(1)] + _BLANK.encode() + raw[at.end(1) :]
    return xxhash.xxh3_128_hexdigest(blank).encode()
