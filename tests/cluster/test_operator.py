"""What whoever runs a node may rely on: what it leaves on the machine, and what its jobs tell."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from cluster.node_process import NodeProcess, wait_until
from cluster.s3_client import S3Client

pytestmark = [pytest.mark.process, pytest.mark.slow]

_LISTENS = "0A"


def _ports_of(pid: int) -> set[int]:
    """Return the ports a process listens on, TCP over IPv4 and IPv6."""
    held = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        # A listening socket stays; whatever else the node closes meanwhile is not looked for.
        with contextlib.suppress(FileNotFoundError):
            held.add(os.readlink(link))
    ports = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text("ascii").splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == _LISTENS and f"socket:[{rest[5]}]" in held:
                ports.add(int(local.rpartition(":")[2], 16))
    return ports


def test_all_state_lies_on_the_drives_and_one_port_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    drives = [tmp_path / "not" / "there" / f"d{number}" for number in range(3)]
    with NodeProcess(tmp_path / "work", drives=drives) as node:
        with S3Client(node) as client:
            assert client.put("/box", b"").status == 200
            assert client.put("/box/large", bytes(3_000_000)).status == 200
        assert _ports_of(node.pid) == {node.port}
        assert node.stop() == 0
        assert [one.name for one in node.home.iterdir()] == ["stderr-1.txt"]
    assert list(home.iterdir()) == []
    assert {one.name for one in tmp_path.iterdir()} == {"home", "work", "not"}
    assert {oct((drive / "credentials").stat().st_mode & 0o777) for drive in drives} == {"0o600"}


def test_a_scrub_tells_how_much_there_is_to_do(node: NodeProcess, client: S3Client) -> None:
    for number, size in enumerate([900, 900, 60_000, 2_000_000]):
        assert client.put(f"/box/k{number}", bytes(size)).status == 200
    # Four keys and their bucket; four shards each of the two that are large enough.
    begun = client.call("POST", "/_atoll/admin/v1/scrub").json()
    assert begun["total"] == 5 + 8

    def job() -> dict[str, object]:
        path = f"/_atoll/admin/v1/jobs/{begun['job_id']}"
        found: dict[str, object] = client.call("GET", path).json()
        return found

    wait_until(lambda: job()["state"] == "done", 30.0)
    assert (job()["done"], job()["total"]) == (13, 13)
