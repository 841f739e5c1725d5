"""Scenarios 11 to 14: what a drive holds may be wrong; what a client gets may not.

Shard files are damaged while the node runs, because nothing of them is cached. Four drives hold two
data and two parity shards: two of four may be wrong.
"""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from cluster.harness.history import make_content
from cluster.node_process import NodeProcess, wait_until
from cluster.s3_client import S3Client, Unanswered

pytestmark = [pytest.mark.process, pytest.mark.slow]

_SIZE = 2_500_000


def _put(client: S3Client, key: str, label: str = "") -> bytes:
    content = make_content(label or key, _SIZE)
    assert client.put(f"/box/{key}", content).status == 200
    return content


def _shards(node: NodeProcess) -> set[Path]:
    return {path for drive in node.drives for path in drive.glob("shards/*/*")}


def _put_shards(node: NodeProcess, client: S3Client, key: str) -> tuple[bytes, list[Path]]:
    """Put an object; return its content and its shard files in the order of the drives."""
    before = _shards(node)
    content = _put(client, key)
    made = sorted(_shards(node) - before)
    assert len(made) == 4
    return content, made


def _flip(path: Path, offset: int, bit: int = 0) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        (byte,) = file.read(1)
        file.seek(offset)
        file.write(bytes([byte ^ (1 << bit)]))


def _get_broken(client: S3Client, key: str) -> bytes:
    """Get an object that cannot be whole; return the bytes that came before it ended."""
    try:
        answer = client.get(key)
    except Unanswered:
        return b""
    assert answer.status >= 500, answer
    return b""


def test_s11_a_flipped_bit_anywhere_in_a_shard_is_never_served(
    node: NodeProcess, client: S3Client
) -> None:
    chance = random.Random(11)
    content, shards = _put_shards(node, client, "k")
    size = shards[0].stat().st_size
    # The header, its end, the first block, around its checksum, the last byte, and anywhere.
    offsets = [0, 1, 8, 40, 100, 4095, 4096, 4097, size - 1, size - 9]
    offsets += [chance.randrange(size) for _ in range(20)]
    for offset in offsets:
        victims = [chance.choice(shards), chance.choice(shards)]
        copies = {victim: victim.read_bytes() for victim in victims}
        bit = chance.randrange(8)
        for victim in copies:
            _flip(victim, offset, bit)
        assert client.get("/box/k").body == content, (offset, bit)
        part = client.get("/box/k", range="bytes=1000000-1999999")
        assert part.status == 206
        assert part.body == content[1_000_000:2_000_000], (offset, bit)
        for victim, raw in copies.items():
            victim.write_bytes(raw)


def test_s11_a_scrub_finds_and_repairs_what_nobody_reads(
    node: NodeProcess, client: S3Client
) -> None:
    _, shards = _put_shards(node, client, "k")
    whole = [shard.read_bytes() for shard in shards]
    for number, shard in enumerate(shards[1:3]):
        _flip(shard, len(whole[0]) // 2 + number)
    started = client.call("POST", "/_atoll/admin/v1/scrub")
    assert started.status == 202, started.body
    job = f"/_atoll/admin/v1/jobs/{started.json()['job_id']}"
    wait_until(lambda: client.call("GET", job).json()["state"] == "done", 30.0)
    assert client.call("GET", job).json()["damaged"] == 2
    wait_until(lambda: [shard.read_bytes() for shard in shards] == whole, 30.0)


def test_s11_damaged_identity_and_credentials_of_one_drive_stop_nobody(
    node: NodeProcess, client: S3Client
) -> None:
    content = _put(client, "k")
    for name in ("credentials", "drive.json"):
        chance = random.Random(name)
        for _ in range(6):
            assert node.stop() == 0
            path = node.drives[1] / name
            intact = path.read_bytes()
            _flip(path, chance.randrange(len(intact)), chance.randrange(7))
            node.start()
            assert client.get("/box/k").body == content
            states = client.drive_states()
            assert states[0] == states[2] == states[3] == "ok"
            assert client.put("/box/other", b"written beside the damage").status == 200
            node.stop()
            if name == "drive.json" and states[1] == "missing":
                path.write_bytes(intact)
            node.start()


def test_s12_more_damage_than_parity_is_an_error_and_never_wrong_bytes(
    node: NodeProcess, client: S3Client
) -> None:
    good = _put(client, "good")
    _, shards = _put_shards(node, client, "bad")
    for shard in shards[:3]:
        size = shard.stat().st_size
        for offset in range(5000, size, 50_000):
            _flip(shard, offset)
    assert _get_broken(client, "/box/bad") == b""
    # The error concerns that object alone, and it can be deleted and written again.
    assert client.get("/box/good").body == good
    assert client.head("/box/bad").status == 200
    assert client.delete("/box/bad").status == 204
    again = _put(client, "bad", "again")
    assert client.get("/box/bad").body == again


def test_s13_swapped_and_stale_shards_are_as_bad_as_missing_ones(
    node: NodeProcess, client: S3Client
) -> None:
    old, old_shards = _put_shards(node, client, "k")
    kept = [shard.read_bytes() for shard in old_shards]
    other, other_shards = _put_shards(node, client, "other")
    # Misdirected: two shards of one drive under each other's names.
    swap = old_shards[0].with_suffix(".swap")
    os.rename(old_shards[0], swap)
    os.rename(other_shards[0], old_shards[0])
    os.rename(swap, other_shards[0])
    # Misplaced: a shard of the same object, but of another drive.
    shutil.copyfile(old_shards[2], old_shards[1])
    assert client.get("/box/k").body == old
    assert client.get("/box/other").body == other
    # Stale: the overwritten object's shards under the new one's names.
    before = _shards(node)
    new = _put(client, "k", "new")
    new_shards = sorted(_shards(node) - before)
    for shard, raw in list(zip(new_shards, kept, strict=True))[2:]:
        shard.write_bytes(raw)
    assert client.get("/box/k").body == new


@pytest.mark.parametrize("left", [0, 100, 4096, 100_000, -1])
def test_s14_a_truncated_shard_is_reconstructed(
    node: NodeProcess, client: S3Client, left: int
) -> None:
    content, shards = _put_shards(node, client, "k")
    # The first data shard, which every read wants, and a parity shard, which it falls back to.
    wanted, spare = (next(path for path in shards if path.suffix == end) for end in (".00", ".03"))
    whole = {shard: shard.read_bytes() for shard in (wanted, spare)}
    for shard in whole:
        os.truncate(shard, left if left >= 0 else shard.stat().st_size - 1)
    assert client.get("/box/k").body == content
    # The read was a hint: both are healed soon, to the very bytes.
    for shard, raw in whole.items():
        wait_until(lambda shard=shard, raw=raw: shard.read_bytes() == raw, 20.0)


def test_s14_a_missing_shard_is_reconstructed(node: NodeProcess, client: S3Client) -> None:
    content, shards = _put_shards(node, client, "k")
    shards[0].unlink()
    shards[3].unlink()
    assert client.get("/box/k").body == content
