"""mc, the client of MinIO's users: signs chunks, and describes buckets by many probes."""

import json
from urllib.parse import quote

import pytest

from compat.clients.install import find_program
from compat.clients.tree import LARGE_NAME, make_bytes, make_tree, read_tree
from compat.endpoint import ClientFailed, run


class Mc:
    """Runs mc with the node as its alias `atoll`."""

    def __init__(self, program, endpoint):
        self.folder = endpoint.home
        self.endpoint = endpoint
        self.command = [program, "--quiet", "--no-color", "--config-dir", self.folder / "mc"]
        pair = f"{quote(endpoint.access_key, safe='')}:{quote(endpoint.secret_key, safe='')}"
        self.settings = {"MC_HOST_atoll": endpoint.url.replace("://", f"://{pair}@")}

    def run(self, *arguments, **options):
        environment = {**self.endpoint.environment(), **self.settings}
        # With a region, mc asks for no location, and takes any 403 to HEAD for a valid pair.
        del environment["AWS_REGION"]
        command = [*self.command, *arguments]
        return run(command, environment=environment, folder=self.folder, **options)

    def rows(self, *arguments):
        return [json.loads(line) for line in self.run("--json", *arguments).splitlines()]


@pytest.fixture
def mc(bring, endpoint):
    return Mc(bring("mc"), endpoint)


@pytest.fixture
def box(mc, name):
    """Return `ALIAS/BUCKET` of a bucket that mc made, and remove it with all versions."""
    mc.run("mb", f"atoll/{name}")
    yield f"atoll/{name}"
    mc.run("rb", "--force", f"atoll/{name}")
    assert name not in mc.run("ls", "atoll").decode()


def test_files_of_any_size_come_back(mc, box):
    for size in (0, 1, 70_000, 33 * 1024 * 1024 + 1):
        content = make_bytes(size)
        (mc.folder / "up").write_bytes(content)
        mc.run("cp", "up", f"{box}/file {size}")
        mc.run("cp", f"{box}/file {size}", "down")
        assert (mc.folder / "down").read_bytes() == content
    assert sorted(row["size"] for row in mc.rows("ls", box)) == [0, 1, 70_000, 33 * 2**20 + 1]


def test_streams_through_pipes(mc, box):
    content = make_bytes(9 * 1024 * 1024)
    mc.run("pipe", f"{box}/stream", content=content)
    assert mc.run("cat", f"{box}/stream") == content
    assert mc.run("head", "--lines", "1", f"{box}/stream").startswith(content[:1])


def test_a_tree_is_mirrored_both_ways(mc, box):
    sent = make_tree(mc.folder / "up")
    mc.run("mirror", "up", f"{box}/tree")
    mc.run("mirror", f"{box}/tree", "down")
    assert read_tree(mc.folder / "down") == sent
    assert mc.run("diff", "up", f"{box}/tree") == b""
    (mc.folder / "up" / LARGE_NAME).unlink()
    mc.run("mirror", "--remove", "up", f"{box}/tree")
    kept = {row["key"] for row in mc.rows("ls", "--recursive", f"{box}/tree")}
    assert kept == set(sent) - {LARGE_NAME}
    assert len(mc.rows("find", box, "--name", "*.txt")) == sum(n.endswith(".txt") for n in sent)


def test_copies_moves_metadata_and_tags(mc, box):
    (mc.folder / "up").write_bytes(b"content")
    mc.run("cp", "--attr", "colour=blue;Cache-Control=max-age=5", "up", f"{box}/a b+\u00fc")
    mc.run("cp", f"{box}/a b+\u00fc", f"{box}/copy")
    mc.run("mv", f"{box}/copy", f"{box}/moved")
    (stat,) = mc.rows("stat", f"{box}/moved")
    assert stat["metadata"]["X-Amz-Meta-Colour"] == "blue"
    mc.run("tag", "set", f"{box}/moved", "team=blue&cost=1")
    (tags,) = mc.rows("tag", "list", f"{box}/moved")
    assert tags["tagset"] == {"team": "blue", "cost": "1"}
    assert sorted(row["key"] for row in mc.rows("ls", box)) == ["a b+\u00fc", "moved"]


def test_versions_come_back(mc, box):
    mc.run("version", "enable", box)
    for text in (b"one", b"two"):
        mc.run("pipe", f"{box}/a", content=text)
    mc.run("rm", f"{box}/a")
    rows = mc.rows("ls", "--versions", box)
    assert [row.get("isDeleteMarker", False) for row in rows] == [True, False, False]
    oldest = rows[-1]["versionId"]
    assert mc.run("cat", "--version-id", oldest, f"{box}/a") == b"one"
    mc.run("undo", "--last", "1", "--force", f"{box}/a")
    assert mc.run("cat", f"{box}/a") == b"two"
    mc.run("rm", "--versions", "--recursive", "--force", box)
    assert mc.rows("ls", "--versions", box) == []


def test_a_shared_address_works_for_curl(mc, box):
    mc.run("pipe", f"{box}/a b", content=b"by address")
    (shared,) = mc.rows("share", "download", "--expire", "1h", f"{box}/a b")
    curl = [find_program("curl", "curl"), "-sf", shared["share"]]
    said = run(curl, environment=mc.endpoint.environment(), folder=mc.folder)
    assert said == b"by address"


def test_a_bucket_is_described(mc, box):
    (stat,) = mc.rows("stat", box)
    assert (stat["location"], stat["Versioning"]["status"]) == ("us-east-1", "")
    assert (stat["Policy"]["type"], stat["notification"]["config"]["QueueConfigs"]) == (
        "none",
        None,
    )
    assert mc.rows("du", box)[-1]["objects"] == 0
    assert "is un-versioned" in mc.run("version", "info", box).decode()


def test_an_alias_is_set_and_a_wrong_secret_is_told(mc):
    where = [mc.endpoint.url, mc.endpoint.access_key]
    mc.run("alias", "set", "mine", *where, mc.endpoint.secret_key)
    mc.run("ls", "mine")
    with pytest.raises(ClientFailed, match="signature we calculated does not match"):
        mc.run("alias", "set", "other", *where, "another-secret")
