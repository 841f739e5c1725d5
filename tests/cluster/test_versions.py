"""Scenario 30: versions, null versions and delete markers under many writers, against a model."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cluster.node_process import NodeProcess
from cluster.s3_client import Answer, S3Client

pytestmark = [pytest.mark.process, pytest.mark.slow]

_KEYS = ("a", "b")
_WRITERS = 5


class _Model:
    """What acknowledged calls say the bucket holds: (key, version id) → content, None: a marker."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self.versions: dict[tuple[str, str], bytes | None] = {}

    def add(self, key: str, version: str, content: bytes | None) -> None:
        with self._turn:
            assert (key, version) not in self.versions, "a version id was given twice"
            self.versions[key, version] = content

    def take(self, key: str, chance: random.Random) -> str | None:
        """Remove and return a version id of a key: nobody else deletes it."""
        with self._turn:
            held = [version for name, version in self.versions if name == key]
            if len(held) < 3:
                return None
            version = chance.choice(held)
            del self.versions[key, version]
            return version


def _set_versioning(client: S3Client, status: str) -> None:
    body = f"<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>"
    answer = client.call("PUT", "/box", query={"versioning": ""}, body=body.encode())
    assert answer.status == 200, answer.body


def _delete_version(client: S3Client, key: str, version: str) -> Answer:
    return client.call("DELETE", f"/box/{key}", query={"versionId": version})


def _read_all(client: S3Client) -> tuple[dict[tuple[str, str], bytes | None], list[str]]:
    """Return every version that the bucket lists with its content, and the latest ids."""
    found: dict[tuple[str, str], bytes | None] = {}
    latest: list[str] = []
    query = {"versions": "", "max-keys": "7"}
    while True:
        page = client.call("GET", "/box", query=query)
        assert page.status == 200, page.body
        for kind in ("Version", "DeleteMarker"):
            columns = (page.find(f"{kind}/{name}") for name in ("Key", "VersionId", "IsLatest"))
            for key, version, is_latest in zip(*columns, strict=True):
                assert (key, version) not in found, "a version was listed twice"
                found[key, version] = None
                if is_latest == "true":
                    latest.append(key)
                if kind == "Version":
                    answer = client.call("GET", f"/box/{key}", query={"versionId": version})
                    assert answer.status == 200, answer.body
                    found[key, version] = answer.body
        if page.find("IsTruncated") != ["true"]:
            return found, latest
        query["key-marker"] = page.find("NextKeyMarker")[0]
        query["version-id-marker"] = page.find("NextVersionIdMarker")[0]


def _write_enabled(node: NodeProcess, model: _Model, seed: int) -> None:
    chance = random.Random(seed)
    with S3Client(node) as client:
        for turn in range(12):
            key = chance.choice(_KEYS)
            match chance.randrange(4):
                case 0:
                    answer = client.delete(f"/box/{key}")
                    assert answer.status == 204, answer.body
                    model.add(key, answer.headers["x-amz-version-id"], None)
                case 1 if (version := model.take(key, chance)) is not None:
                    assert _delete_version(client, key, version).status == 204
                case _:
                    content = f"{seed}/{turn}".encode() * chance.choice((1, 9000))
                    answer = client.put(f"/box/{key}", content)
                    assert answer.status == 200, answer.body
                    model.add(key, answer.headers["x-amz-version-id"], content)


def _write_suspended(node: NodeProcess, seed: int) -> set[bytes | None]:
    """Replace the null version again and again; return what this writer made of it."""
    chance = random.Random(seed)
    made: set[bytes | None] = set()
    with S3Client(node) as client:
        for turn in range(10):
            if chance.randrange(3):
                content = f"null {seed}/{turn}".encode()
                answer = client.put("/box/a", content)
                assert answer.status == 200, answer.body
                made.add(content)
            else:
                answer = client.delete("/box/a")
                assert answer.status == 204, answer.body
                made.add(None)
    return made


def test_s30_versions_and_markers_under_concurrency_are_those_acknowledged(
    node: NodeProcess, client: S3Client
) -> None:
    assert client.put("/box/a", b"before versioning").status == 200
    _set_versioning(client, "Enabled")
    model = _Model()
    model.versions["a", "null"] = b"before versioning"
    with ThreadPoolExecutor(_WRITERS) as pool:
        list(pool.map(lambda seed: _write_enabled(node, model, seed), range(_WRITERS)))
    found, latest = _read_all(client)
    assert found == model.versions
    assert sorted(latest) == sorted({key for key, _ in model.versions})
    # A crash changes nothing of it.
    node.kill()
    node.start()
    assert _read_all(client)[0] == model.versions


def test_s30_the_null_version_is_one_of_those_written_and_nothing_else_changes(
    node: NodeProcess, client: S3Client
) -> None:
    _set_versioning(client, "Enabled")
    model = _Model()
    for number in range(3):
        content = f"kept {number}".encode()
        answer = client.put("/box/a", content)
        model.add("a", answer.headers["x-amz-version-id"], content)
    newest = content
    _set_versioning(client, "Suspended")
    with ThreadPoolExecutor(_WRITERS) as pool:
        made = list(pool.map(lambda seed: _write_suspended(node, seed), range(_WRITERS)))
    found, latest = _read_all(client)
    null = found.pop(("a", "null"))
    assert null in set().union(*made)
    assert found == model.versions
    assert latest == ["a"]
    # What is on top is what a plain GET shows; without it the newest kept version comes back.
    answer = client.get("/box/a")
    assert (answer.status == 404) if null is None else (answer.body == null)
    assert _delete_version(client, "a", "null").status == 204
    assert client.get("/box/a").body == newest
    assert _read_all(client)[0] == model.versions
