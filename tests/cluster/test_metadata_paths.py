"""Databases beside their drives: replaced devices, paths that were forgotten or mixed up."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.harness.kept import check_all, put_all
from cluster.node_process import NodeProcess, StartFailed, wait_until
from cluster.s3_client import S3Client

pytestmark = [pytest.mark.process, pytest.mark.slow]


def _name(paths: list[Path]) -> list[str]:
    return [part for path in paths for part in ("--metadata-paths", str(path))]


@pytest.fixture
def metadata(tmp_path: Path) -> list[Path]:
    """Return the metadata paths of four drives."""
    return [tmp_path / "fast" / f"m{number + 1}" for number in range(4)]


@pytest.fixture
def node(tmp_path: Path, metadata: list[Path]) -> Iterator[NodeProcess]:
    """Return a running node whose databases lie beside its drives."""
    with NodeProcess(tmp_path, options=_name(metadata)) as running:
        yield running


def _fill(client: S3Client) -> dict[str, bytes]:
    sizes = [2_000_000, 2_000_000, 900, 900, 900]
    kept = {f"/box/k{number}": bytes([number]) * size for number, size in enumerate(sizes)}
    put_all(client, kept)
    return kept


def _repaired_shards(client: S3Client) -> float:
    metrics = client.call("GET", "/_atoll/metrics").body.decode("ascii")
    name = 'atoll_heal_repaired_total{kind="shard"} '
    return next(
        float(line.removeprefix(name)) for line in metrics.splitlines() if line.startswith(name)
    )


def test_a_replaced_device_is_rebuilt_though_its_database_is_left(
    node: NodeProcess, metadata: list[Path], client: S3Client
) -> None:
    kept = _fill(client)
    assert all((path / "metadata" / "db").is_dir() for path in metadata)
    assert not any((drive / "metadata").exists() for drive in node.drives)
    for _ in range(2):
        node.kill()
        shutil.rmtree(node.drives[1])
        node.start()
        check_all(client, kept)
        wait_until(lambda: client.drive_states() == ["ok"] * 4, 30.0)
    shards = node.drives[1] / "shards"
    wait_until(lambda: sum(one.is_file() for one in shards.rglob("*")) == 2, 30.0)
    # The rebuild counts a shard behind its last byte.
    wait_until(lambda: _repaired_shards(client) >= 2, 30.0)
    # It counts again: with another drive gone it is needed.
    node.kill()
    shutil.rmtree(node.drives[0])
    shutil.rmtree(metadata[0])
    node.start()
    check_all(client, kept)


def test_a_start_without_its_metadata_paths_changes_nothing(
    node: NodeProcess, metadata: list[Path], client: S3Client
) -> None:
    kept = _fill(client)
    assert node.stop() == 0
    before = [(drive / "drive.json").read_bytes() for drive in node.drives]
    node.options = []
    with pytest.raises(StartFailed) as failed:
        node.start()
    assert failed.value.code == 6
    assert "check metadata_paths" in failed.value.errors
    assert before == [(drive / "drive.json").read_bytes() for drive in node.drives]
    node.options = _name(metadata)
    node.start()
    assert client.drive_states() == ["ok"] * 4
    assert client.get("/box/k0").body == kept["/box/k0"]


def test_a_mixed_up_order_touches_no_database(
    node: NodeProcess, metadata: list[Path], client: S3Client
) -> None:
    kept = _fill(client)
    assert node.stop() == 0
    shutil.rmtree(node.drives[1])
    node.options = _name([metadata[1], metadata[0], *metadata[2:]])
    node.start()
    assert client.drive_states().count("missing") == 2
    assert client.get("/box/k0").body == kept["/box/k0"]
    assert not list(node.home.rglob("*.damaged"))
    assert node.stop() == 0
    node.options = _name(metadata)
    node.start()
    wait_until(lambda: client.drive_states() == ["ok"] * 4, 30.0)


def test_a_database_that_comes_back_after_its_drive_did_without_it_does_not_vote(
    node: NodeProcess, metadata: list[Path], client: S3Client
) -> None:
    kept = _fill(client)
    assert node.stop() == 0
    away = [*metadata[:3], node.home / "other"]
    node.options = _name(away)
    node.start()
    wait_until(lambda: client.drive_states() == ["ok"] * 4, 30.0)
    assert client.put("/box/k0", b"written meanwhile").status == 200
    assert node.stop() == 0
    node.options = _name(metadata)
    node.start()
    assert client.drive_states().count("missing") == 1
    (view,) = (one for one in client.drive_views() if one["state"] == "missing")
    assert "another drive's" in view["reason"]
    assert client.get("/box/k0").body == b"written meanwhile"
    assert client.get("/box/k1").body == kept["/box/k1"]
    # The path that was used last is still right.
    assert node.stop() == 0
    node.options = _name(away)
    node.start()
    wait_until(lambda: client.drive_states() == ["ok"] * 4, 30.0)
