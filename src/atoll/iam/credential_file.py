"""The file `credentials` at the top of each drive: the generated root pair, for node and operator.

Owns      the file's name, form, mode and atomic replacement.
Does not  decide which of several files is right (root.py).
Form      docs/formats/credentials.md: JSON, mode 0600, under a checksum: of two pairs that differ
          by rot nobody could say which one clients hold.
Crash     the file is written under another name, synced, renamed, and the directory synced: after a
          crash either the old or the new content is there, never a mixture. A left-over temporary
          file is overwritten by the next write.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

from atoll.base.errors import Damaged, RecordCorrupt
from atoll.base.ids import ClusterId
from atoll.config.credentials import KeyPair, parse_pair
from atoll.config.errors import ConfigError
from atoll.core.formats.sealed_json import open_json, seal_json

CREDENTIALS_NAME: Final = "credentials"
CREDENTIALS_MODE: Final = 0o600
FORMAT: Final = 1

_TEMPORARY_NAME: Final = "credentials.tmp"
_FILE_BYTES_MAX: Final = 64 * 1024


class StoredPair(msgspec.Struct, frozen=True, kw_only=True):
    """A root pair as a drive holds it. The greater generation is the newer pair."""

    cluster_id: ClusterId
    generation: int
    pair: KeyPair


class _Document(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    cluster_id: str
    generation: int
    access_key: str
    secret_key: str

    def __repr__(self) -> str:
        return f"_Document(generation={self.generation})"


def encode_credentials(stored: StoredPair) -> bytes:
    """Return the content of a credentials file."""
    document = _Document(
        cluster_id=stored.cluster_id,
        generation=stored.generation,
        access_key=stored.pair.access_key,
        secret_key=stored.pair.secret_key,
    )
    return seal_json(document, FORMAT)


def decode_credentials(content: bytes) -> StoredPair:
    """Return what the content of a credentials file says.

    Raises
        RecordCorrupt: it cannot be understood.
        FormatUnknown: it was written by a later version.
    """
    document = open_json(content, _Document, FORMAT, record="credentials file")
    try:
        pair = parse_pair(document.access_key, document.secret_key)
    except ConfigError as exc:
        raise RecordCorrupt("The credentials file is damaged: it holds no valid pair.") from exc
    return StoredPair(
        cluster_id=ClusterId(document.cluster_id), generation=document.generation, pair=pair
    )


def read_credential_file(drive: Path) -> StoredPair | None:
    """Return what a drive holds, or None where it holds nothing.

    Raises
        RecordCorrupt: the file is there and cannot be understood.
        FormatUnknown: it was written by a later version.
        OSError: it cannot be read.
    """
    path = drive / CREDENTIALS_NAME
    try:
        # No link is followed: a drive's content must not lead the node to another file.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as stream:
        content = stream.read(_FILE_BYTES_MAX)
    try:
        return decode_credentials(content)
    except Damaged as exc:
        exc.fields["path"] = str(path)
        raise


def write_credential_file(drive: Path, stored: StoredPair) -> None:
    """Replace the file of a drive atomically; durable when it returns.

    Raises
        OSError: the drive cannot be written; the former file is untouched.
    """
    content = encode_credentials(stored)
    temporary = drive / _TEMPORARY_NAME
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, CREDENTIALS_MODE)
    with os.fdopen(descriptor, "wb") as stream:
        # A left-over file may have another mode than the one O_CREAT gives.
        os.fchmod(stream.fileno(), CREDENTIALS_MODE)
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(drive / CREDENTIALS_NAME)
    folder = os.open(drive, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def has_private_mode(drive: Path) -> bool:
    """Return whether nobody but the owner may read the file of a drive."""
    return (drive / CREDENTIALS_NAME).stat().st_mode & 0o077 == 0
