"""Objects that a test puts before something breaks, and that must be there behind it."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.s3_client import S3Client


def put_all(client: S3Client, kept: Mapping[str, bytes]) -> None:
    """Put objects by their paths; each must be acknowledged."""
    for path, content in kept.items():
        answer = client.put(path, content)
        assert answer.status == 200, (path, answer.body)


def check_all(client: S3Client, kept: Mapping[str, bytes]) -> None:
    """Check that each object reads as it was put."""
    for path, content in kept.items():
        assert client.get(path).body == content, path
