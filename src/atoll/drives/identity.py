"""Who a drive is: `drive.json` in its directory, and the kernel lock that keeps a second owner
out.

Owns      the identity file (docs/formats/drive-identity.md), the lock file, their atomic
          replacement.
Invariant the generation rises at every start on every drive of a node; a drive whose generation is
          behind is a clone or a rewound snapshot and may not vote.
Lock      flock on `lock`: it dies with the process, however that ends.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

import msgspec
import xxhash

from atoll.base.errors import DriveReadOnly, FormatUnknown, RecordCorrupt, StoreError
from atoll.core.placement.cluster_map import ClusterMap
from atoll.drives.directories import make_directory, sync_directory

FORMAT: Final = 1
IDENTITY_FILE: Final = "drive.json"
LOCK_FILE: Final = "lock"


class DriveLocked(StoreError):
    """Another process owns the drive. Field `pid`."""


class DriveIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """The content of drive.json. `map` is the newest cluster map the drive was part of."""

    format: int
    drive_id: str
    generation: int
    map: ClusterMap
    generations: dict[str, int]
    is_formed: bool
    #: Of the document with an empty checksum. Rot in the map would move keys or shrink a quorum.
    checksum: str = ""


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
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Release the lock. May be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


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
        found = msgspec.json.decode(raw, type=DriveIdentity)
    except msgspec.DecodeError as exc:
        raise RecordCorrupt(f"drive.json is damaged: {exc}", path=str(path)) from exc
    if found.checksum != _checksum(found):
        raise RecordCorrupt("drive.json does not match its checksum.", path=str(path))
    if found.format != FORMAT:
        raise FormatUnknown(version=found.format, path=str(path))
    return found


def write_identity(path: Path, identity: DriveIdentity) -> None:
    """Replace the identity of a directory; durable when it returns."""
    identity = msgspec.structs.replace(identity, checksum=_checksum(identity))
    temporary = path / (IDENTITY_FILE + ".new")
    with open(temporary, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(identity), indent=2))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path / IDENTITY_FILE)
    sync_directory(path)


def _checksum(identity: DriveIdentity) -> str:
    plain = msgspec.json.encode(msgspec.structs.replace(identity, checksum=""))
    return xxhash.xxh3_128_hexdigest(plain)
