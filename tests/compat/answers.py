"""What tests of clients ask of answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError


@contextmanager
def refused(code: str, status: int) -> Iterator[None]:
    """Expect an error of this code and status. Answers to HEAD carry no code but the status."""
    with pytest.raises(ClientError) as caught:
        yield
    response = caught.value.response
    found = response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]
    assert found == (code, status), caught.value


def status_of(answer: dict[str, Any]) -> int:
    """Return the HTTP status of a boto3 answer."""
    return answer["ResponseMetadata"]["HTTPStatusCode"]


def headers_of(answer: dict[str, Any]) -> dict[str, str]:
    """Return the HTTP headers of a boto3 answer, names in lower case."""
    return answer["ResponseMetadata"]["HTTPHeaders"]


@contextmanager
def sending(client: Any, operation: str, headers: Mapping[str, str]) -> Iterator[None]:
    """Let a boto3 client send headers, signed, that its model has no argument for."""

    def add(params: dict[str, Any], **_facts: Any) -> None:
        params["headers"].update(headers)

    event = f"before-call.s3.{operation}"
    client.meta.events.register(event, add)
    try:
        yield
    finally:
        client.meta.events.unregister(event, add)
