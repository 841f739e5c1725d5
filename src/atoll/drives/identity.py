"""Who a drive is: `drive.json` in its directory, and the kernel lock that keeps a second owner
out.

Owns      the identity file (docs/formats/drive-identity.md), the lock file, their atomic
          replacement.
Invariant the generation rises at every start on every drive of a node; a drive whose generation is
          behind is a clone or a rewound snapshot and may not vote.
Lock      flock on `lock`: it dies with the process, however that ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import Final

import msgspec

from atoll.base.errors import Damaged, DriveReadOnly, StoreError
from atoll.core.formats.sealed_json import open_json, seal_json
from atoll.core.placement.cluster_map import ClusterMap
from atoll.drives.directories import make_directory, sync_directory

FORMAT: Final = 1
IDENTITY_FILE: Final = "drive.json"
LOCK_FILE: Final = "lock"


class DriveLocked(StoreError):
    """Another process owns the drive. Field `pid`."""


class DriveIdentity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of drive.json. `map` is the newest cluster map the drive was part of."""

    drive_id: str
    generation: int
    map: ClusterMap
    generations: dict[str, int]
    is_formed: bool


class DriveLock:
    """A held lock; closing the file or ending the process releases it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, path: Path) -> DriveLock:
        """Take the lock of a drive directory, making the directory if need be.

        Raises
            DriveLocked: another process has it.
            DriveReadOnly: the directory cannot be made or written.
        """
        try:
            make_directory(path)
            descriptor = os.open(path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise DriveReadOnly(
                f"The drive cannot be written: {exc.strerror}", path=str(path)
            ) from exc
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            pid = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise DriveLocked("Another process owns this drive.", path=str(path), pid=pid) from exc
        # Who has it is for people; a full drive must be able to start.
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Release the lock. May be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def encode_identity(identity: DriveIdentity) -> bytes:
    """Return the content of drive.json."""
    return seal_json(identity, FORMAT)


def decode_identity(raw: bytes) -> DriveIdentity:
    """Return the identity in the content of drive.json. Raises RecordCorrupt, FormatUnknown."""
    # Rot in the map would move keys or shrink a quorum.
    return open_json(raw, DriveIdentity, FORMAT, record=IDENTITY_FILE)


def read_identity(path: Path) -> DriveIdentity | None:
    """Return the identity in a directory, None when it has none.

    Raises
        RecordCorrupt: the file is damaged.
        FormatUnknown: a later version wrote it.
    """
    try:
        raw = (path / IDENTITY_FILE).read_bytes()
    except FileNotFoundError:
        return None
    try:
        return decode_identity(raw)
    except Damaged as exc:
        exc.fields["path"] = str(path)
        raise


def write_identity(path: Path, identity: DriveIdentity) -> None:
    """Replace the identity of a directory; durable when it returns."""
    temporary = path / (IDENTITY_FILE + ".new")
    with open(temporary, "wb") as file:
        file.write(encode_identity(identity))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path / IDENTITY_FILE)
    sync_directory(path)
