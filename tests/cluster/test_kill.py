"""Scenario 1: kill -9 at any instant; what was acknowledged is there, what was not is whole or
absent.

ATOLL_KILLS sets how often the process dies over all tests of this file.
"""

from __future__ import annotations

import os
import random
import threading
import time
from pathlib import Path

import pytest

from cluster.harness.history import make_content, read_state, state_of
from cluster.harness.leftovers import scan_leftovers
from cluster.harness.load import Writer, running
from cluster.node_process import NodeProcess
from cluster.s3_client import S3Client, Unanswered

pytestmark = [pytest.mark.process, pytest.mark.slow]

KILLS = int(os.environ.get("ATOLL_KILLS", "208"))
SEED = int(os.environ.get("ATOLL_SEED", "1"))
#: Each test with its share of the kills: many short histories find more than one long one.
_MIXED = 4
_SHARE = max(1, KILLS // (2 * _MIXED))


def _kill_within(node: NodeProcess, chance: random.Random, longest_s: float) -> None:
    """Let the load run for a random time, then kill; short times meet first requests."""
    time.sleep(chance.uniform(0.01, longest_s))
    node.kill()


@pytest.mark.parametrize("seed", range(SEED, SEED + _MIXED))
def test_s01_kill_at_random_points_keeps_acknowledged_and_whole(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    with NodeProcess(tmp_path) as node, S3Client(node) as client:
        assert client.put("/box", b"").status == 200
        writers = [Writer(node, "box", f"w{number}", seed * 10 + number) for number in range(4)]
        for _ in range(_SHARE):
            with running(writers, threading.Event()):
                _kill_within(node, chance, 0.4)
            node.start()
            for writer in writers:
                writer.ledger.read_back(client, writer.ledger.doubtful)
        for writer in writers:
            writer.ledger.read_back(client)
            assert not writer.refused
        present = sorted(key for writer in writers for key in writer.ledger.present("box"))
        assert sorted(client.list_keys("box", page=7)) == present
        assert sum(writer.ledger.acknowledged for writer in writers) > 2 * _SHARE
        assert client.drive_states() == ["ok"] * 4
        _check_nothing_is_left(node, writers)


def _check_nothing_is_left(node: NodeProcess, writers: list[Writer]) -> None:
    """Delete everything: behind a scan the drives hold no shard, of whatever a kill cut short."""
    assert node.stop() == 0, node.errors
    keys = [key.removeprefix("/box/") for writer in writers for key in writer.ledger.keys]
    assert scan_leftovers(node.drives, "box", keys) == 0
    assert not [path for drive in node.drives for path in drive.glob("shards/*/*")]
    assert not [path for drive in node.drives for path in drive.glob("staging/*")]


def test_s01_kill_keeps_every_acknowledged_version(tmp_path: Path) -> None:
    chance = random.Random(SEED + 100)
    versioning = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    acknowledged: dict[str, bytes] = {}
    unknown: set[bytes] = set()

    def write(number: int, stop: threading.Event, round_: int) -> None:
        client = S3Client(node)
        count = 0
        try:
            while not stop.is_set():
                count += 1
                size = (300, 40_000)[count % 2]
                content = make_content(f"{number}/{round_}/{count}", size)
                unknown.add(content)
                answer = client.put(f"/box/k{number}", content)
                assert answer.status == 200, answer.body
                unknown.discard(content)
                acknowledged[answer.headers["x-amz-version-id"]] = content
        except Unanswered:
            pass
        finally:
            client.close()

    with NodeProcess(tmp_path) as node, S3Client(node) as client:
        assert client.put("/box", b"").status == 200
        assert client.call("PUT", "/box", query={"versioning": ""}, body=versioning).status == 200
        for round_ in range(KILLS // 4):
            stop = threading.Event()
            threads = [
                threading.Thread(target=write, args=(number, stop, round_)) for number in range(3)
            ]
            for thread in threads:
                thread.start()
            _kill_within(node, chance, 0.3)
            stop.set()
            for thread in threads:
                thread.join(30.0)
            node.start()
        seen = _read_versions(client)
        for version, content in acknowledged.items():
            assert seen.pop(version, None) == state_of(content), version
        # What is left was never acknowledged: whole, and at most one for each call cut short.
        assert set(seen.values()) <= {state_of(content) for content in unknown}
        assert len(seen) <= len(unknown)


def _read_versions(client: S3Client) -> dict[str, bytes | None]:
    """Return the state of each version in the bucket, by version id."""
    seen: dict[str, bytes | None] = {}
    query = {"versions": "", "max-keys": "50"}
    while True:
        page = client.call("GET", "/box", query=query)
        assert page.status == 200, page.body
        rows = zip(page.find("Version/Key"), page.find("Version/VersionId"), strict=True)
        for key, version in rows:
            assert version not in seen
            found = client.call("GET", f"/box/{key}", query={"versionId": version})
            assert found.status == 200, found.body
            seen[version] = state_of(found.body)
        if page.find("IsTruncated") != ["true"]:
            return seen
        query["key-marker"] = page.find("NextKeyMarker")[0]
        query["version-id-marker"] = page.find("NextVersionIdMarker")[0]


def test_s01_kill_never_takes_back_a_counter(tmp_path: Path) -> None:
    chance = random.Random(SEED + 200)
    added: list[int] = []
    doubts: list[int] = []

    def count(stop: threading.Event) -> None:
        client = S3Client(node)
        try:
            while not stop.is_set():
                found = client.get("/box/counter")
                assert found.status == 200, found.body
                doubts.append(1)
                target = str(int(found.body) + 1).encode()
                answer = client.put("/box/counter", target, if_match=found.etag)
                if answer.status in (200, 409, 412):
                    doubts.pop()
                if answer.status == 200:
                    added.append(1)
        except Unanswered:
            pass
        finally:
            client.close()

    with NodeProcess(tmp_path) as node, S3Client(node) as client:
        assert client.put("/box", b"").status == 200
        assert client.put("/box/counter", b"0").status == 200
        for _ in range(KILLS // 4):
            stop = threading.Event()
            threads = [threading.Thread(target=count, args=(stop,)) for _ in range(3)]
            for thread in threads:
                thread.start()
            _kill_within(node, chance, 0.3)
            stop.set()
            for thread in threads:
                thread.join(30.0)
            node.start()
            first = read_state(client, "/box/counter")
            total = int(client.get("/box/counter").body)
            assert state_of(str(total).encode()) == first
            assert len(added) <= total <= len(added) + len(doubts)
        assert added
