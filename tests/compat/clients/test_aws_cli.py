"""The AWS CLI, version 1 from PyPI and version 2 from Debian: what people type every day."""

import json

import pytest

from compat.clients.install import find_program
from compat.clients.tree import make_bytes, make_tree, read_tree
from compat.endpoint import ClientFailed, run


class Cli:
    """Runs one CLI. This version 2 does not take the endpoint from its environment."""

    def __init__(self, program, endpoint):
        self.command = [program, "--endpoint-url", endpoint.url]
        self.endpoint = endpoint
        self.folder = endpoint.home

    def run(self, *arguments, **options):
        environment = self.endpoint.environment()
        command = [*self.command, *arguments]
        return run(command, environment=environment, folder=self.folder, **options)

    def s3(self, *arguments, **options):
        return self.run("s3", *arguments, **options).decode()

    def api(self, *arguments, **options):
        said = self.run("s3api", *arguments, "--output", "json", **options)
        return json.loads(said) if said.strip() else {}

    def keys(self, bucket, *more):
        page = self.api("list-objects-v2", "--bucket", bucket, *more)
        return [row["Key"] for row in page.get("Contents", [])]


@pytest.fixture(params=["aws", "aws2"])
def cli(request, bring, endpoint):
    return Cli(bring(request.param), endpoint)


@pytest.fixture
def box(cli, name):
    """Return the name of a bucket that the CLI made, and remove it the way users do."""
    cli.s3("mb", f"s3://{name}")
    yield name
    cli.s3("rb", "--force", f"s3://{name}")
    assert name not in cli.s3("ls")


def test_files_of_any_size_come_back(cli, box):
    for size in (0, 1, 70_000, 20 * 1024 * 1024 + 1):
        content = make_bytes(size)
        (cli.folder / "up").write_bytes(content)
        cli.s3("cp", "up", f"s3://{box}/file-{size}")
        cli.s3("cp", f"s3://{box}/file-{size}", "down")
        assert (cli.folder / "down").read_bytes() == content
    assert str(20 * 1024 * 1024 + 1) in cli.s3("ls", f"s3://{box}/")


def test_streams_through_pipes(cli, box):
    content = make_bytes(9 * 1024 * 1024)
    cli.run("s3", "cp", "-", f"s3://{box}/stream", content=content)
    assert cli.run("s3", "cp", f"s3://{box}/stream", "-") == content


def test_a_tree_is_synchronized_both_ways(cli, box):
    sent = make_tree(cli.folder / "up")
    cli.s3("sync", "up", f"s3://{box}/tree")
    cli.s3("sync", f"s3://{box}/tree", "down")
    assert read_tree(cli.folder / "down") == sent
    assert cli.s3("sync", "up", f"s3://{box}/tree") == "", "nothing changed, nothing is sent"
    (cli.folder / "up" / "plain.txt").unlink()
    cli.s3("sync", "--delete", "up", f"s3://{box}/tree")
    assert cli.keys(box) == sorted(
        (f"tree/{key}" for key in sent if key != "plain.txt"), key=str.encode
    )


def test_copies_and_moves_stay_on_the_server(cli, box):
    content = make_bytes(9 * 1024 * 1024)
    (cli.folder / "up").write_bytes(content)
    cli.s3("cp", "up", f"s3://{box}/a b+c")
    cli.s3("cp", f"s3://{box}/a b+c", f"s3://{box}/copy")
    cli.s3("mv", f"s3://{box}/copy", f"s3://{box}/moved")
    assert cli.keys(box) == ["a b+c", "moved"]
    assert cli.run("s3", "cp", f"s3://{box}/moved", "-") == content


def test_metadata_and_tags_are_kept(cli, box):
    (cli.folder / "page.html").write_text("<p>")
    options = ["--metadata", "colour=blue", "--cache-control", "max-age=5"]
    cli.s3("cp", "page.html", f"s3://{box}/", *options)
    head = cli.api("head-object", "--bucket", box, "--key", "page.html")
    assert head["Metadata"] == {"colour": "blue"}
    assert (head["ContentType"], head["CacheControl"]) == ("text/html", "max-age=5")
    tags = {"TagSet": [{"Key": "team", "Value": "ä+b"}]}
    where = ["--bucket", box, "--key", "page.html"]
    cli.api("put-object-tagging", *where, "--tagging", json.dumps(tags))
    assert cli.api("get-object-tagging", *where)["TagSet"] == tags["TagSet"]


def test_versions_come_back(cli, box):
    enabled = ["--versioning-configuration", "Status=Enabled"]
    cli.api("put-bucket-versioning", "--bucket", box, *enabled)
    for text in ("one", "two"):
        cli.run("s3", "cp", "-", f"s3://{box}/a", content=text.encode())
    cli.s3("rm", f"s3://{box}/a")
    listed = cli.api("list-object-versions", "--bucket", box)
    assert [row["IsLatest"] for row in listed["DeleteMarkers"]] == [True]
    oldest = listed["Versions"][-1]["VersionId"]
    cli.api("get-object", "--bucket", box, "--key", "a", "--version-id", oldest, "old")
    assert (cli.folder / "old").read_text() == "one"
    for row in listed["Versions"] + listed["DeleteMarkers"]:
        cli.api("delete-object", "--bucket", box, "--key", "a", "--version-id", row["VersionId"])


def test_a_presigned_address_works_for_curl(cli, box):
    cli.run("s3", "cp", "-", f"s3://{box}/a b+ü", content=b"by address")
    url = cli.s3("presign", f"s3://{box}/a b+ü").strip()
    curl = [find_program("curl", "curl"), "-sf", url]
    said = run(curl, environment=cli.endpoint.environment(), folder=cli.folder)
    assert said == b"by address"


def test_what_is_missing_is_told(cli, box):
    where = ["--bucket", box, "--key", "missing"]
    with pytest.raises(ClientFailed, match="Not Found"):
        cli.api("head-object", *where)
    with pytest.raises(ClientFailed, match="NoSuchKey"):
        cli.api("get-object", *where, "down")


def test_pages_are_followed(cli, box):
    for number in range(7):
        cli.api("put-object", "--bucket", box, "--key", f"key-{number}")
    assert len(cli.keys(box, "--page-size", "2")) == 7
    deletes = {"Objects": [{"Key": f"key-{number}"} for number in range(7)]}
    answer = cli.api("delete-objects", "--bucket", box, "--delete", json.dumps(deletes))
    assert len(answer["Deleted"]) == 7


def test_each_file_of_a_refused_upload_is_told(cli, name):
    sent = make_tree(cli.folder / "up")
    with pytest.raises(ClientFailed) as failed:
        cli.s3("cp", "--recursive", "up", f"s3://{name}")
    assert str(failed.value).count("NoSuchBucket") >= len(sent)


@pytest.mark.parametrize("program", ["aws", "aws2"])
def test_a_tree_travels_over_tls(bring, tls_endpoint, name, program):
    cli = Cli(bring(program), tls_endpoint)
    sent = make_tree(cli.folder / "up")
    cli.s3("mb", f"s3://{name}")
    cli.s3("sync", "up", f"s3://{name}")
    cli.s3("sync", f"s3://{name}", "down")
    assert read_tree(cli.folder / "down") == sent
    cli.s3("rb", "--force", f"s3://{name}")
