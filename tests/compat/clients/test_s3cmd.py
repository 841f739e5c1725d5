"""s3cmd, which signs with version 4, and with version 2 when told."""

import pytest

from compat.clients.install import find_program
from compat.clients.tree import make_bytes, make_tree, read_tree
from compat.endpoint import run


class S3cmd:
    """Runs s3cmd with a configuration of its own."""

    def __init__(self, program, endpoint, *, is_v2):
        self.folder = endpoint.home
        self.endpoint = endpoint
        configuration = {
            "access_key": endpoint.access_key,
            "secret_key": endpoint.secret_key,
            "host_base": endpoint.address,
            "host_bucket": endpoint.address,
            "use_https": "False",
            "signature_v2": str(is_v2),
            "multipart_chunk_size_mb": "5",
        }
        path = self.folder / "s3cfg"
        lines = "".join(f"{key} = {value}\n" for key, value in configuration.items())
        path.write_text(f"[default]\n{lines}")
        self.command = [program, "-c", path, "--no-progress"]

    def run(self, *arguments, **options):
        environment = {**self.endpoint.environment(), "LC_ALL": "C.UTF-8"}
        command = [*self.command, *arguments]
        return run(command, environment=environment, folder=self.folder, **options).decode()

    def keys(self, bucket):
        lines = self.run("ls", "--recursive", f"s3://{bucket}").splitlines()
        return [line.partition(f"s3://{bucket}/")[2] for line in lines]


@pytest.fixture(params=["v4", "v2"])
def s3cmd(request, bring, endpoint):
    return S3cmd(bring("s3cmd"), endpoint, is_v2=request.param == "v2")


@pytest.fixture
def box(s3cmd, name):
    s3cmd.run("mb", f"s3://{name}")
    yield name
    s3cmd.run("rb", "--recursive", "--force", f"s3://{name}")
    assert name not in s3cmd.run("ls")


def test_files_of_any_size_come_back(s3cmd, box):
    for size in (0, 1, 70_000, 12 * 1024 * 1024 + 1):
        content = make_bytes(size)
        (s3cmd.folder / "up").write_bytes(content)
        s3cmd.run("put", "up", f"s3://{box}/file {size}")
        s3cmd.run("get", "--force", f"s3://{box}/file {size}", "down")
        assert (s3cmd.folder / "down").read_bytes() == content


def test_a_tree_is_synchronized_both_ways(s3cmd, box):
    sent = make_tree(s3cmd.folder / "up")
    s3cmd.run("sync", "up/", f"s3://{box}/tree/")
    assert s3cmd.keys(box) == sorted((f"tree/{key}" for key in sent), key=str.encode)
    s3cmd.run("sync", f"s3://{box}/tree/", "down/")
    assert read_tree(s3cmd.folder / "down") == sent
    (s3cmd.folder / "up" / "plain.txt").unlink()
    s3cmd.run("sync", "--delete-removed", "up/", f"s3://{box}/tree/")
    assert "tree/plain.txt" not in s3cmd.keys(box)


def test_copies_moves_and_metadata(s3cmd, box):
    (s3cmd.folder / "up").write_bytes(b"content")
    s3cmd.run("put", "--add-header", "x-amz-meta-colour:blue", "up", f"s3://{box}/a b+ü")
    s3cmd.run("cp", f"s3://{box}/a b+ü", f"s3://{box}/copy")
    s3cmd.run("modify", "--add-header", "cache-control:max-age=5", f"s3://{box}/copy")
    s3cmd.run("mv", f"s3://{box}/copy", f"s3://{box}/moved")
    assert s3cmd.keys(box) == ["a b+ü", "moved"]
    said = s3cmd.run("info", f"s3://{box}/moved")
    assert "x-amz-meta-colour: blue" in said
    assert s3cmd.run("get", f"s3://{box}/moved", "-") == "content"


def test_a_bucket_is_described(s3cmd, box):
    said = s3cmd.run("info", f"s3://{box}")
    for line in ("Location:  us-east-1", "Payer:     BucketOwner", "Policy:    none"):
        assert line in said, said
    assert "FULL_CONTROL" in said


def test_tags(s3cmd, box):
    (s3cmd.folder / "up").write_bytes(b"content")
    s3cmd.run("put", "up", f"s3://{box}/a")
    s3cmd.run("settagging", f"s3://{box}/a", "team=blue&cost=1")
    said = s3cmd.run("gettagging", f"s3://{box}/a")
    assert "team" in said
    assert "blue" in said


def test_a_signed_address_works_for_curl(s3cmd, box):
    (s3cmd.folder / "up").write_bytes(b"by address")
    s3cmd.run("put", "up", f"s3://{box}/a b")
    url = s3cmd.run("signurl", f"s3://{box}/a b", "+60").strip()
    curl = [find_program("curl", "curl"), "-sf", url.replace("https:", "http:")]
    said = run(curl, environment=s3cmd.endpoint.environment(), folder=s3cmd.folder)
    assert said == b"by address"


def test_uploads_are_listed_and_dropped(s3cmd, box):
    assert "Initiated" in s3cmd.run("multipart", f"s3://{box}")
    assert s3cmd.run("del", "--recursive", "--force", f"s3://{box}") == ""
