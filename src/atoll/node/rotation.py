"""Replace the root pair on the drives of a node that is stopped.

Owns      the order: lock every drive that is there, learn the cluster, let iam rotate, unlock.
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
from atoll.base.errors import QuorumLost, RecordCorrupt
from atoll.base.ids import ClusterId
from atoll.config.credentials import KeyPair
from atoll.config.errors import ConfigError
from atoll.config.schema import Settings
from atoll.drives.identity import DriveLock, read_identity
from atoll.iam.root import RootCredentials, Rotation


def rotate_stopped(settings: Settings, pair: KeyPair | None, entropy: Entropy) -> Rotation:
    """Replace the root pair by `pair`, or by a generated one. Blocks.

    Raises
        DriveLocked: a node runs on these drives.
        ConfigError: no drive of a cluster is there.
        QuorumLost: too few drives are there or could be written; the old pair stays in force.
    """
    paths = [Path(drive).absolute() for drive in settings.drives]
    with ExitStack() as held:
        for path in paths:
            if path.is_dir():
                held.callback(DriveLock.take(path).release)
        cluster_id, drives = _find_cluster(paths)
        needed = len(paths) // 2 + 1
        if len(drives) < needed:
            raise QuorumLost(
                "Too few drives of the cluster are there; the old pair stays in force.",
                needed=needed,
                reached=len(drives),
            )
        return RootCredentials.load(drives, cluster_id=cluster_id, entropy=entropy).rotate(pair)


def _find_cluster(paths: list[Path]) -> tuple[ClusterId, list[Path]]:
    found: dict[Path, ClusterId] = {}
    for path in paths:
        try:
            identity = read_identity(path) if path.is_dir() else None
        except RecordCorrupt:
            # The next start refuses this drive as well.
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
