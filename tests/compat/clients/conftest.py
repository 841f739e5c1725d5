"""Fixtures of the live clients: each is brought once, and sees one node through its own settings.

Everything in this folder is `live`: `make compat` runs it, `make test` does not.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cluster.node_process import NodeProcess
from compat.certificate import write_certificate
from compat.clients.install import CLIENTS, ClientMissing
from compat.endpoint import Endpoint

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.live)
            item.add_marker(pytest.mark.process)


@pytest.fixture(scope="session")
def bring() -> Callable[[str], Path]:
    """Return a function that brings a client by its name and returns where it is."""

    def find(name: str) -> Path:
        try:
            return CLIENTS[name]()
        except ClientMissing as missing:
            pytest.fail(f"{name}: {missing}", pytrace=False)

    return find


@pytest.fixture
def endpoint(node: NodeProcess, tmp_path: Path) -> Endpoint:
    """Return the node of the suite, for a client whose home is empty."""
    return Endpoint(f"http://127.0.0.1:{node.port}", *node.keys, home=tmp_path)


@pytest.fixture(scope="session")
def tls_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[NodeProcess, Path]]:
    """Return a node that speaks TLS, and the certificate to trust."""
    home = tmp_path_factory.mktemp("tls-node")
    certificate, key = write_certificate(home)
    options = ["--tls-cert", str(certificate), "--tls-key", str(key)]
    with NodeProcess(home, options=options) as running:
        yield running, certificate


@pytest.fixture
def tls_endpoint(tls_node: tuple[NodeProcess, Path], tmp_path: Path) -> Endpoint:
    """Return the node that speaks TLS, for a client whose home is empty."""
    node, certificate = tls_node
    url = f"https://127.0.0.1:{node.port}"
    return Endpoint(url, *node.keys, home=tmp_path, certificate=certificate)


@pytest.fixture(scope="session")
def client_buckets() -> Iterator[str]:
    """Return an endless supply of names."""
    return (f"client-{number}" for number in itertools.count(1))


@pytest.fixture
def name(client_buckets: Iterator[str]) -> str:
    """Return a bucket name that no test used. The client makes the bucket."""
    return next(client_buckets)
