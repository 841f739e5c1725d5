"""Scenarios 2 and 3: power cut on all drives at once; what no sync covered is gone, names included.

One load is recorded and cut at several places. ATOLL_CUTS sets how many; half of them tear what was
not
synced instead of dropping it.
"""

from __future__ import annotations

import os
import random
import shutil
import threading
import time
from pathlib import Path

import pytest

from cluster.harness.load import Writer, running
from cluster.node_process import NodeProcess
from cluster.s3_client import S3Client
from cluster.shim.power_cut import PowerCut
from cluster.shim.preload import Shim

pytestmark = [pytest.mark.process, pytest.mark.slow]

CUTS = int(os.environ.get("ATOLL_CUTS", "6"))
SEED = int(os.environ.get("ATOLL_SEED", "1"))


def _restart_on(node: NodeProcess, cut: PowerCut, torn: random.Random | None) -> None:
    """Put what the power cut left in the place of the drives, and start the node without the
    shim."""
    node.kill()
    node.preload = {}
    root = node.drives[0].parent
    shutil.rmtree(root)
    cut.save(root, torn)
    node.start()


def test_s02_power_cut_on_all_drives_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    root = tmp_path / "drives"
    root.mkdir()
    shim = Shim(tmp_path, root)
    cuts = [PowerCut(root) for _ in range(CUTS)]
    with NodeProcess(tmp_path, preload=shim.recording) as node, S3Client(node) as client:
        assert client.put("/box", b"").status == 200
        start = shim.position()
        writers = [Writer(node, "box", f"w{n}", SEED + n, shim.position) for n in range(3)]
        with running(writers, threading.Event()):
            time.sleep(1.5)
        end = shim.position()
        for number, cut in enumerate(cuts):
            position = chance.randint(start, end)
            cut.play(shim.log_path, position)
            _restart_on(node, cut, chance if number % 2 else None)
            assert client.drive_states() == ["ok"] * 4, node.errors
            for writer in writers:
                writer.ledger.until(position).read_back(client)
        assert sum(writer.ledger.acknowledged for writer in writers) > 20
        shim.close()


def test_s02_power_cut_during_the_first_start_leaves_drives_that_start(tmp_path: Path) -> None:
    root = tmp_path / "drives"
    root.mkdir()
    shim = Shim(tmp_path, root)
    cuts = [PowerCut(root) for _ in range(CUTS)]
    with NodeProcess(tmp_path, preload=shim.recording) as node:
        end = shim.position()
        for number, cut in enumerate(cuts):
            cut.play(shim.log_path, end * (number + 1) // (len(cuts) + 1))
            node.forget_keys()
            _restart_on(node, cut, random.Random(number) if number % 2 else None)
            with S3Client(node) as client:
                assert client.put("/box", b"").status == 200
                assert client.drive_states() == ["ok"] * 4
        shim.close()


def test_s02_power_cut_during_a_later_start_makes_no_drive_look_rewound(tmp_path: Path) -> None:
    with NodeProcess(tmp_path) as node, S3Client(node) as client:
        assert client.put("/box", b"").status == 200
        assert client.put("/box/kept", b"content").status == 200
        assert node.stop() == 0
        root = node.drives[0].parent
        shim = Shim(tmp_path, root)
        cuts = [PowerCut(root) for _ in range(CUTS)]
        node.preload = shim.recording
        node.start()
        # Most of what a start writes comes at its beginning: identities, one drive after another.
        positions = [shim.position() * n * n // (CUTS * CUTS + 1) for n in range(1, CUTS + 1)]
        for cut, position in zip(cuts, positions, strict=True):
            cut.play(shim.log_path, position)
            _restart_on(node, cut, None)
            assert client.drive_states() == ["ok"] * 4
            assert client.get("/box/kept").body == b"content"
        shim.close()


def test_s03_an_object_survives_the_loss_of_every_name_that_was_not_synced(tmp_path: Path) -> None:
    """Shard files reach their names by a rename; the acknowledgement has to wait for the
    directory."""
    root = tmp_path / "drives"
    root.mkdir()
    shim = Shim(tmp_path, root)
    cut = PowerCut(root)
    content = random.Random(SEED).randbytes(3_000_000)
    with NodeProcess(tmp_path, preload=shim.recording) as node, S3Client(node) as client:
        assert client.put("/box", b"").status == 200
        assert client.put("/box/large", content).status == 200
        cut.play(shim.log_path, shim.position())
        _restart_on(node, cut, None)
        assert client.get("/box/large").body == content
        assert len(list(root.glob("d*/shards/*/*"))) == 4
        shim.close()
