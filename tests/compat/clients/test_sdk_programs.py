"""The AWS SDKs for Go, Java and JavaScript, and minio-go, with their defaults."""

import os

import pytest

from compat.clients.install import find_program
from compat.endpoint import run


@pytest.fixture(params=["http", "https"])
def where(request):
    """Return the endpoint; SDKs sign and checksum bodies differently over TLS."""
    return request.getfixturevalue("endpoint" if request.param == "http" else "tls_endpoint")


def run_program(command, where, name):
    said = run([*command, name], environment=where.environment(), folder=where.home)
    assert said.decode().splitlines()[-1] == "OK"


def test_go(bring, where, name):
    run_program([bring("go")], where, name)


def test_javascript(bring, where, name):
    run_program([find_program("node", "nodejs"), bring("javascript")], where, name)


def test_java(bring, where, name):
    folder = bring("java")
    path = os.pathsep.join(str(part) for part in (folder / "compat-1.jar", folder / "lib" / "*"))
    command = [find_program("java", "default-jdk-headless"), "-cp", path, "atoll.compat.Main"]
    run_program(command, where, name)
