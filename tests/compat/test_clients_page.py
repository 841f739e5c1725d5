"""The page of clients names what is installed and recorded, each in its version, and all of it."""

import json
import re

import pytest

from compat.clients import install
from compat.wire.vectors import read_index

ROOT = install.ROOT
PAGE = (ROOT / "docs" / "compatibility" / "clients.md").read_text("utf-8")
TABLE = [line for line in PAGE.splitlines() if line.startswith("| ")]
#: Needs of a client that are no client.
SUPPORT = {"duckdb-extension-httpfs", "duckdb-extensions"}
NAMES = {"duckdb": "DuckDB", "deltalake": "Delta Lake"}


def pinned():
    """Return (name on the page, version) of every client."""
    yield "AWS CLI 1", install.AWS_CLI_VERSION
    yield "AWS CLI 2", install.AWS_CLI_2_PACKAGE.partition("=")[2].partition("-")[0]
    for name, source in install.GO_PROGRAMS.items():
        yield name, source.rpartition("@")[2]
    for requirement in install.PYTHON_PACKAGES:
        name, _, version = requirement.partition("==")
        if name not in SUPPORT:
            yield NAMES.get(name, name), version
    modules = (install.SOURCES / "go" / "go.mod").read_text()
    for name, module in {
        "AWS SDK for Go 2": "aws-sdk-go-v2/service/s3",
        "transfermanager": "s3/transfermanager",
        "minio-go": "minio-go/v7",
    }.items():
        yield name, re.search(rf"{module} (v\S+)", modules)[1]
    package = json.loads((install.SOURCES / "javascript" / "package.json").read_text())
    yield "AWS SDK for JavaScript 3", package["dependencies"]["@aws-sdk/client-s3"]
    pom = (install.SOURCES / "java" / "pom.xml").read_text()
    yield "AWS SDK for Java 2", re.search(r"<aws.version>(.+?)<", pom)[1]


@pytest.mark.parametrize(("name", "version"), list(pinned()))
def test_the_page_names_the_version(name, version):
    assert any(name in line and version in line for line in TABLE), (name, version)


def test_recordings_are_of_clients_on_the_page():
    names = {
        re.split(r" v?\d+\.", each)[0] for row in read_index() for each in row.client.split(", ")
    }
    for name in names - {"signature 2"}:
        assert any(line.startswith(f"| {name}") for line in TABLE), name


def test_every_recording_is_in_the_index():
    found = (install.ROOT / "tests" / "vectors" / "wire").glob("*.http")
    assert {path.stem for path in found} == {vector.name for vector in read_index()}
