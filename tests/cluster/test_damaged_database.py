"""Scenarios 5 and 6: a drive's database damaged, deleted or behind; its peers carry on and rebuild
it."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from atoll.core.formats.sequence_mark import decode_mark
from cluster.harness.history import make_content
from cluster.harness.kept import check_all, put_all
from cluster.node_process import NodeProcess, wait_until
from cluster.s3_client import S3Client

pytestmark = [pytest.mark.process, pytest.mark.slow]

_KEYS = 30


def _fill(client: S3Client) -> dict[str, bytes]:
    kept = {}
    for number in range(_KEYS):
        size = (4096, 60_000, 1_500_000)[number % 10 % 3] if number < 6 else 4096
        kept[f"/box/k{number:02}"] = make_content(f"k{number}", size)
    put_all(client, kept)
    return kept


def _check(client: S3Client, kept: dict[str, bytes]) -> None:
    assert [f"/box/{key}" for key in client.list_keys("box", page=9)] == sorted(kept)
    check_all(client, kept)


def _flip_in_log(drive: Path) -> None:
    """Damage bytes in the middle of the log, far before its end."""
    log = max((drive / "metadata" / "db").glob("*.log"), key=lambda path: path.stat().st_size)
    raw = bytearray(log.read_bytes())
    middle = len(raw) // 2
    raw[middle : middle + 16] = bytes(byte ^ 0xFF for byte in raw[middle : middle + 16])
    log.write_bytes(raw)


def _cut_log(drive: Path) -> None:
    """Lose the second half of the log: it opens, but forgot synced writes."""
    log = max((drive / "metadata" / "db").glob("*.log"), key=lambda path: path.stat().st_size)
    with log.open("r+b") as file:
        file.truncate(log.stat().st_size // 2)


def _flip_manifest(drive: Path) -> None:
    manifest = next((drive / "metadata" / "db").glob("MANIFEST-*"))
    raw = bytearray(manifest.read_bytes())
    raw[len(raw) // 2] ^= 0x10
    manifest.write_bytes(raw)


def _delete(drive: Path) -> None:
    shutil.rmtree(drive / "metadata")


def _delete_pointer(drive: Path) -> None:
    (drive / "metadata" / "db" / "CURRENT").unlink()


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(_flip_in_log, id="s05-flipped-log"),
        pytest.param(_cut_log, id="s05-lost-tail"),
        pytest.param(_flip_manifest, id="s06-flipped-manifest"),
        pytest.param(_delete, id="s06-deleted"),
        pytest.param(_delete_pointer, id="s06-no-current"),
    ],
)
def test_s05_s06_a_drive_with_a_damaged_database_does_not_vote_until_rebuilt(
    node: NodeProcess, client: S3Client, damage: Callable[[Path], None]
) -> None:
    kept = _fill(client)
    # The mark that vouches for the log is written a second after the writes, and at a clean stop.
    assert node.stop() == 0
    node.start()
    kept["/box/last"] = b"after the restart"
    put_all(client, {"/box/last": kept["/box/last"]})
    _wait_for_mark(client, kept, node.drives[1])
    node.kill()
    damage(node.drives[1])
    node.start()
    states = client.drive_states()
    assert states[0] == states[2] == states[3] == "ok"
    assert states[1] in ("ok", "blank")
    if states[1] == "ok":
        assert "rebuil" in node.errors or "blank" in node.errors, node.errors
    _check(client, kept)
    kept["/box/new"] = b"written beside the rebuild"
    put_all(client, {"/box/new": kept["/box/new"]})
    _check(client, kept)
    # Rebuilt from its peers, it carries a quorum again.
    wait_until(lambda: client.drive_states() == ["ok"] * 4, 30.0)
    node.kill()
    shutil.rmtree(node.drives[0])
    node.start()
    _check(client, kept)


def _wait_for_mark(client: S3Client, kept: dict[str, bytes], drive: Path) -> None:
    """Wait until the drive's mark vouches for all that is kept."""

    def mark() -> int:
        return decode_mark((drive / "metadata" / "sequence").read_bytes())

    before = mark()
    # Whatever mark is written behind this reaches past everything that was acknowledged before.
    kept["/box/marked"] = b"one more"
    put_all(client, {"/box/marked": kept["/box/marked"]})
    wait_until(lambda: mark() > before, 15.0)


@pytest.mark.parametrize("seed", range(3))
def test_s11_a_flipped_bit_in_any_database_file_is_never_served(
    node: NodeProcess, client: S3Client, seed: int
) -> None:
    chance = random.Random(seed)
    kept = _fill(client)
    assert node.stop() == 0
    # The start turns the log into tables and blob files, which then lie still.
    node.start()
    node.kill()
    database = node.drives[2] / "metadata" / "db"
    files = sorted(
        path for path in database.iterdir() if path.suffix in (".sst", ".blob", ".log", "")
    )
    for victim in chance.sample(files, 3):
        raw = bytearray(victim.read_bytes())
        if raw:
            raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
            victim.write_bytes(raw)
    node.start()
    states = client.drive_states()
    assert states[2] in ("ok", "blank"), client.drive_views()[2]
    assert states.count("ok") >= 3
    _check(client, kept)
