"""rclone: sync, check, mount-like access, versions; its own retries are off."""

import json

import pytest

from compat.clients.install import find_program
from compat.clients.tree import make_bytes, make_tree, read_tree
from compat.endpoint import run


class Rclone:
    """Runs rclone with the node as its remote `atoll:`, all by variables."""

    def __init__(self, program, endpoint):
        self.folder = endpoint.home
        self.endpoint = endpoint
        self.program = program
        self.settings = {
            "RCLONE_CONFIG": str(self.folder / "rclone.conf"),
            "RCLONE_CONFIG_ATOLL_TYPE": "s3",
            "RCLONE_CONFIG_ATOLL_PROVIDER": "Other",
            "RCLONE_CONFIG_ATOLL_ENV_AUTH": "true",
            "RCLONE_CONFIG_ATOLL_ENDPOINT": endpoint.url,
            "RCLONE_CONFIG_ATOLL_REGION": "us-east-1",
            "RCLONE_S3_UPLOAD_CUTOFF": "5Mi",
            "RCLONE_S3_CHUNK_SIZE": "5Mi",
            "RCLONE_RETRIES": "1",
            "RCLONE_LOW_LEVEL_RETRIES": "1",
        }

    def run(self, *arguments, **options):
        environment = {**self.endpoint.environment(), **self.settings}
        command = [self.program, *arguments]
        return run(command, environment=environment, folder=self.folder, **options)

    def keys(self, where, *more):
        lines = self.run("lsf", "--recursive", "--files-only", *more, where).decode()
        return sorted(lines.splitlines())


@pytest.fixture
def rclone(bring, endpoint):
    return Rclone(bring("rclone"), endpoint)


@pytest.fixture
def box(rclone, name):
    rclone.run("mkdir", f"atoll:{name}")
    yield f"atoll:{name}"
    rclone.run("purge", f"atoll:{name}")
    assert name not in rclone.run("lsd", "atoll:").decode()


def test_files_of_any_size_come_back(rclone, box):
    for size in (0, 1, 70_000, 12 * 1024 * 1024 + 1):
        content = make_bytes(size)
        (rclone.folder / "up").write_bytes(content)
        rclone.run("copyto", "up", f"{box}/file {size}")
        rclone.run("copyto", f"{box}/file {size}", "down")
        assert (rclone.folder / "down").read_bytes() == content


def test_streams_and_ranges(rclone, box):
    content = make_bytes(9 * 1024 * 1024)
    rclone.run("rcat", f"{box}/stream", content=content)
    assert rclone.run("cat", f"{box}/stream") == content
    assert (
        rclone.run("cat", "--offset", "70000", "--count", "9", f"{box}/stream")
        == (content[70_000:70_009])
    )


def test_a_tree_is_synchronized_both_ways(rclone, box):
    sent = make_tree(rclone.folder / "up")
    rclone.run("sync", "up", f"{box}/tree")
    rclone.run("check", "up", f"{box}/tree")
    rclone.run("check", "--download", "up", f"{box}/tree")
    rclone.run("sync", f"{box}/tree", "down")
    assert read_tree(rclone.folder / "down") == sent
    (rclone.folder / "up" / "plain.txt").unlink()
    rclone.run("sync", "up", f"{box}/tree")
    assert rclone.keys(f"{box}/tree") == sorted(set(sent) - {"plain.txt"})


def test_copies_moves_metadata_and_times(rclone, box):
    (rclone.folder / "up").write_bytes(make_bytes(7 * 1024 * 1024))
    rclone.run("copyto", "--metadata", "--metadata-set", "colour=blue", "up", f"{box}/a b+\u00fc")
    rclone.run("copyto", f"{box}/a b+\u00fc", f"{box}/copy")
    rclone.run("moveto", f"{box}/copy", f"{box}/moved")
    rclone.run("touch", "--timestamp", "2001-02-03T04:05:06", f"{box}/moved")
    (stat,) = json.loads(rclone.run("lsjson", "--metadata", f"{box}/moved"))
    assert stat["Metadata"]["colour"] == "blue"
    assert stat["ModTime"].startswith("2001-02-03T04:05:06")
    assert rclone.keys(box) == ["a b+\u00fc", "moved"]


def test_versions_come_back(rclone, box):
    assert "Unversioned" in rclone.run("backend", "versioning", box).decode()
    rclone.run("backend", "versioning", box, "Enabled")
    for text in (b"one", b"second"):
        rclone.run("rcat", f"{box}/a.txt", content=text)
    rclone.run("deletefile", f"{box}/a.txt")
    assert rclone.keys(box) == []
    versions = rclone.keys(box, "--s3-versions")
    assert len(versions) == 2
    found = {rclone.run("cat", "--s3-versions", f"{box}/{name}") for name in versions}
    assert found == {b"one", b"second"}
    rclone.run("backend", "cleanup-hidden", box)
    assert rclone.keys(box, "--s3-versions") == []


def test_a_link_works_for_curl(rclone, box):
    rclone.run("rcat", f"{box}/a b", content=b"by address")
    url = rclone.run("link", "--expire", "60s", f"{box}/a b").decode().strip()
    curl = [find_program("curl", "curl"), "-sf", url]
    said = run(curl, environment=rclone.endpoint.environment(), folder=rclone.folder)
    assert said == b"by address"


def test_uploads_that_were_left_are_cleaned_up(rclone, box):
    uploads = json.loads(rclone.run("backend", "list-multipart-uploads", box))
    assert list(uploads.values()) == [[]] or list(uploads.values()) == [None]
    rclone.run("cleanup", box)
