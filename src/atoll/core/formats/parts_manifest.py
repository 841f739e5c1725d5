"""Parts manifest, format 1: an immutable blob that lists the parts of one multipart version.

Owns      the list of parts of an object whose parts do not fit its version record.
Write     durable before an upload or a head names it; a crash in between leaves an orphan.
Free      its data id goes last: whoever removes the version reads the manifest, frees the parts,
          then the manifest.
Source    docs/formats/parts-manifest.md
"""

from __future__ import annotations

from typing import Final

import msgspec

from atoll.core.formats.framed import decode_framed
from atoll.core.formats.object_record import PartEntry

FORMAT: Final = 1


class PartsManifest(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Parts in ascending order of their numbers."""

    parts: tuple[PartEntry, ...]


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(PartsManifest)


def encode_manifest(manifest: PartsManifest) -> bytes:
    """Return the stored bytes of a manifest."""
    return bytes((FORMAT,)) + _encoder.encode(manifest)


def decode_manifest(raw: bytes) -> PartsManifest:
    """Return a manifest. Raises RecordCorrupt, FormatUnknown."""
    return decode_framed(_decoder, FORMAT, raw, record="parts manifest")
