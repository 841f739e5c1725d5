"""Fixtures of the compatibility suite: one real node per test process, and clients of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from cluster.node_process import NodeProcess


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """Return a node on four new drives; it also answers under `s3.localhost`."""
    home = tmp_path_factory.mktemp("node")
    with NodeProcess(home, options=["--domains", "s3.localhost"]) as running:
        yield running


@pytest.fixture(scope="session")
def connect(node: NodeProcess) -> Callable[..., Any]:
    """Return a function that makes boto3 clients of the node; arguments change the client."""
    access_key, secret_key = node.keys

    def make(*, config: Config | None = None, **changes: Any) -> Any:
        plain = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        settings = {
            "endpoint_url": f"http://127.0.0.1:{node.port}",
            "aws_access_key_id": access_key,
            "aws_secret_access_key": secret_key,
            "region_name": "us-east-1",
            **changes,
        }
        return boto3.client("s3", config=plain.merge(config) if config else plain, **settings)

    return make


@pytest.fixture(scope="session")
def s3(connect: Callable[..., Any]) -> Any:
    """Return a boto3 client with its defaults, but for retries, which would hide errors."""
    return connect()


@pytest.fixture(scope="session")
def make_name() -> Callable[[], str]:
    """Return a function that gives bucket names not used before."""
    numbers = itertools.count(1)
    return lambda: f"compat-{next(numbers)}"


@pytest.fixture
def bucket(s3: Any, make_name: Callable[[], str]) -> str:
    """Return the name of a new bucket."""
    name = make_name()
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def versioned(s3: Any, bucket: str) -> str:
    """Return the name of a new bucket that keeps versions."""
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket
