"""The root pair: generated at the first start, kept on every drive, replaced by rotation.

Owns      which pair is in force. `secret_of` is what the gate asks for every request.
Does not  check signatures (s3) or decide who may rotate (admin, through the gate).
Order     a pair given by the operator is used and never written. Otherwise the greatest generation
          of this cluster's files wins and is written to the drives that lack it. Without any file a
          pair is generated. Where all files are damaged the start is refused: a new pair would
          lock every client out without a word.
Rotation  takes effect when more than half of the drives, those that are away included, hold the new
          generation; then the old pair is refused, and no majority of drives brings it back at a
          start. Otherwise the old pair is written again under a still greater generation, so
          that the next start agrees with this answer.
Blocking  `load`, `rotate` and `spread` touch files: call them off the event loop.
Secrets   no message, error or repr of this module holds a secret key.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from pathlib import Path

import msgspec

from atoll.base.clock import Entropy
from atoll.base.errors import Conflict, Damaged, FormatUnknown, QuorumLost
from atoll.base.ids import ClusterId
from atoll.config.credentials import KeyPair, generate_pair
from atoll.config.errors import ConfigError
from atoll.iam.credential_file import (
    CREDENTIALS_NAME,
    StoredPair,
    has_private_mode,
    read_credential_file,
    write_credential_file,
)


class Rotation(msgspec.Struct, frozen=True, kw_only=True):
    """What a rotation did. `failed` names drives that will be repaired at the next start."""

    access_key: str
    generation: int
    written: tuple[str, ...]
    failed: tuple[str, ...]


class RootCredentials:
    """The root pair in force and the drives that keep it."""

    def __init__(
        self,
        *,
        stored: StoredPair,
        drives: tuple[Path, ...],
        drive_count: int,
        entropy: Entropy,
        is_given: bool,
    ) -> None:
        self._stored = stored
        self._drives = drives
        self._drive_count = drive_count
        self._entropy = entropy
        #: Whether the operator supplies the pair; then no file is read or written.
        self.is_given = is_given
        #: Sentences for the log: what was found wrong and repaired.
        self.findings: tuple[str, ...] = ()

    @classmethod
    def load(
        cls,
        drives: Sequence[Path],
        *,
        drive_count: int,
        cluster_id: ClusterId,
        entropy: Entropy,
        given: KeyPair | None = None,
    ) -> RootCredentials:
        """Return the root pair of a cluster of `drive_count` drives; those at `drives` are there.

        Raises
            ConfigError: every file is damaged, or a generated pair can be kept nowhere.
        """
        if given is not None:
            stored = StoredPair(cluster_id=cluster_id, generation=0, pair=given)
            return cls(stored=stored, drives=(), drive_count=0, entropy=entropy, is_given=True)
        found, findings = _survey(drives, cluster_id)
        newest = max(found.values(), key=_rank, default=None)
        if newest is None and any(isinstance(fault, Damaged) for fault in findings.values()):
            path = next(iter(findings)) / CREDENTIALS_NAME
            raise ConfigError(
                f"credentials: expected a pair in {path}, found a damaged file on every drive; "
                "set ATOLL_ACCESS_KEY and ATOLL_SECRET_KEY, or remove the files for a new pair"
            )
        stored = newest or StoredPair(
            cluster_id=cluster_id, generation=1, pair=generate_pair(entropy)
        )
        root = cls(
            stored=stored,
            drives=tuple(drives),
            drive_count=drive_count,
            entropy=entropy,
            is_given=False,
        )
        root.findings = root._repair(found, findings)
        return root

    @property
    def access_key(self) -> str:
        """Return the access key in force."""
        return self._stored.pair.access_key

    @property
    def path(self) -> Path | None:
        """Return one file that holds the pair, or None where the operator supplies it."""
        for drive in self._drives:
            if (drive / CREDENTIALS_NAME).is_file():
                return drive / CREDENTIALS_NAME
        return None

    def secret_of(self, access_key: str) -> str | None:
        """Return the secret key of an access key, or None for an unknown one."""
        pair = self._stored.pair
        known = pair.access_key.encode("utf-8")
        if hmac.compare_digest(known, access_key.encode("utf-8", "surrogateescape")):
            return pair.secret_key
        return None

    def spread(self, drive: Path) -> None:
        """Write the pair to a drive that joined or was replaced. May be called twice.

        Raises
            OSError: the drive cannot be written.
        """
        if not self.is_given:
            write_credential_file(drive, self._stored)

    def rotate(self, pair: KeyPair | None = None) -> Rotation:
        """Replace the pair, by `pair` or a generated one.

        Raises
            Conflict: the operator supplies the pair; it is changed where it is given.
            QuorumLost: too few drives are there or could be written; the old pair stays in force.
        """
        if self.is_given:
            raise Conflict(
                "The root pair is given by the configuration; change it there and restart."
            )
        needed = check_quorum(len(self._drives), self._drive_count)
        fresh = msgspec.structs.replace(
            self._stored,
            generation=self._stored.generation + 1,
            pair=pair or generate_pair(self._entropy),
        )
        written, failed = self._write_all(fresh, self._drives)
        if len(written) < needed:
            former = msgspec.structs.replace(self._stored, generation=fresh.generation + 1)
            self._write_all(former, written)
            self._stored = former
            raise QuorumLost(
                "Too few drives took the new pair; the old one stays in force.",
                needed=needed,
                reached=len(written),
                causes=[f"{drive}: {fault}" for drive, fault in failed.items()],
            )
        self._stored = fresh
        return Rotation(
            access_key=fresh.pair.access_key,
            generation=fresh.generation,
            written=tuple(str(drive) for drive in written),
            failed=tuple(str(drive) for drive in failed),
        )

    def _repair(
        self, found: dict[Path, StoredPair], faults: dict[Path, Exception]
    ) -> tuple[str, ...]:
        sentences = [f"credentials of {drive}: {fault}" for drive, fault in faults.items()]
        # What a later version wrote is left as it is.
        kept = [drive for drive in self._drives if not isinstance(faults.get(drive), FormatUnknown)]
        stale = [drive for drive in kept if found.get(drive) != self._stored]
        for drive in kept:
            if drive not in stale and not has_private_mode(drive):
                sentences.append(f"credentials of {drive}: readable by others, made private")
                stale.append(drive)
        written, failed = self._write_all(self._stored, stale)
        if self._drives and not found and not written:
            raise ConfigError(
                f"credentials: no drive takes the generated pair: {next(iter(failed.values()))}"
            )
        sentences += [
            f"credentials of {drive}: not written: {why}" for drive, why in failed.items()
        ]
        return tuple(sentences)

    @staticmethod
    def _write_all(
        stored: StoredPair, drives: Sequence[Path]
    ) -> tuple[list[Path], dict[Path, OSError]]:
        written: list[Path] = []
        failed: dict[Path, OSError] = {}
        for drive in drives:
            try:
                write_credential_file(drive, stored)
            except OSError as exc:
                failed[drive] = exc
            else:
                written.append(drive)
        return written, failed


def check_quorum(there: int, drive_count: int, /) -> int:
    """Return how many of a cluster's drives must take a new pair.

    Raises
        QuorumLost: fewer are there.
    """
    needed = drive_count // 2 + 1
    if there < needed:
        raise QuorumLost(
            "Too few drives of the cluster are there; the old pair stays in force.",
            needed=needed,
            reached=there,
        )
    return needed


def find_stored_pair(drives: Sequence[Path]) -> tuple[StoredPair, Path] | None:
    """Return the newest pair that any of `drives` holds, and its file; for the command line.

    Files that cannot be read are passed over: another drive may hold the pair.
    """
    found: list[tuple[StoredPair, Path]] = []
    for drive in drives:
        try:
            stored = read_credential_file(drive)
        except (OSError, Damaged):
            continue
        if stored is not None:
            found.append((stored, drive / CREDENTIALS_NAME))
    return max(found, key=lambda one: _rank(one[0]), default=None)


def _survey(
    drives: Sequence[Path], cluster_id: ClusterId
) -> tuple[dict[Path, StoredPair], dict[Path, Exception]]:
    found: dict[Path, StoredPair] = {}
    faults: dict[Path, Exception] = {}
    for drive in drives:
        try:
            stored = read_credential_file(drive)
        except (OSError, Damaged) as exc:
            faults[drive] = exc
            continue
        # The file of a drive that belonged to another cluster must not bring its pair along.
        if stored is not None and stored.cluster_id == cluster_id:
            found[drive] = stored
    return found, faults


def _rank(stored: StoredPair) -> tuple[int, str]:
    # Equal generations with different pairs arise when drives were apart; any fixed order will do.
    return stored.generation, stored.pair.access_key
