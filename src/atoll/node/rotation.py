"""Replace the root pair on the drives of a node that is stopped.

Owns      the order: lock every drive that is there, learn the cluster, let iam rotate, unlock.
          What the next start would not use is left out: paths that are away, damaged, dead.
Does not  open databases, make directories or drives, or speak to a node.
Invariant no node serves from these drives meanwhile: it would hold the locks.
Quorum    more than half of the configured drives must be there and take the pair. A drive that is
          away gets it at the next start, where the greatest generation wins.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from atoll.base.clock import Entropy
from atoll.base.errors import DriveReadOnly, RecordCorrupt
from atoll.base.ids import ClusterId
from atoll.config.credentials import KeyPair
from atoll.config.errors import ConfigError
from atoll.config.schema import Settings
from atoll.drives.identity import DriveLock, read_identity
from atoll.iam.root import RootCredentials, Rotation, check_quorum


def rotate_stopped(settings: Settings, pair: KeyPair | None, entropy: Entropy) -> Rotation:
    """Replace the root pair by `pair`, or by a generated one. Blocks.

    Raises
        DriveLocked: a node runs on these drives.
        ConfigError: no drive of a cluster is there.
        QuorumLost: too few drives are there or could be written; the old pair stays in force.
    """
    paths = [Path(drive).absolute() for drive in settings.drives]
    with ExitStack() as held:
        locked = [path for path in paths if _lock(path, held)]
        cluster_id, drives = _find_cluster(paths, locked)
        # Before anything is written: loading repairs what it finds.
        check_quorum(len(drives), len(paths))
        root = RootCredentials.load(
            drives, drive_count=len(paths), cluster_id=cluster_id, entropy=entropy
        )
        return root.rotate(pair)


def _lock(path: Path, held: ExitStack) -> bool:
    """Lock a drive if it is there and can be written; return whether it is locked now."""
    try:
        if not path.is_dir():
            return False
        held.callback(DriveLock.take(path).release)
    except (OSError, DriveReadOnly):
        return False
    return True


def _find_cluster(paths: list[Path], locked: list[Path]) -> tuple[ClusterId, list[Path]]:
    found: dict[Path, ClusterId] = {}
    for path in locked:
        try:
            identity = read_identity(path)
        except (OSError, RecordCorrupt):
            continue
        if identity is not None and identity.is_formed:
            found[path] = identity.map.cluster_id
    if not found:
        raise ConfigError(
            f"drives: expected drives of a cluster, found none at {', '.join(map(str, paths))}; "
            "name them with --drive"
        )
    ((cluster_id, _),) = Counter(found.values()).most_common(1)
    return cluster_id, [path for path, cluster in found.items() if cluster == cluster_id]
