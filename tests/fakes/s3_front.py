"""An S3 front end over the object store in memory, behind a gate that lets everybody in.

`Bench` asks it by method and URL and reads answers with botocore's own response parser.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import botocore.loaders
from botocore.awsrequest import HeadersDict
from botocore.model import ServiceModel as BotocoreModel
from botocore.parsers import RestXMLParser

from atoll.s3.call import Principal, Service
from atoll.s3.front import CallFacts, FrontEnd, FrontSettings
from atoll.s3.gate import Authenticated, AuthKind
from atoll.s3.protocol.model import ServiceModel, load_service_model
from atoll.s3.registry import load_actions
from atoll.s3.sigv4.payload import UNSIGNED
from fakes.http import Answered, ask
from fakes.object_store import MemoryObjectStore

OWNER = Principal("AKIATEST", "owner-id", "owner")


@cache
def service_model() -> ServiceModel:
    """Return the service model, loaded once for all tests; nothing changes it."""
    return load_service_model()


@cache
def botocore_model() -> BotocoreModel:
    """Return botocore's own view of the service."""
    return BotocoreModel(botocore.loaders.Loader().load_service_model("s3", "service-2"), "s3")


class OpenGate:
    """Lets everybody in, and remembers what was asked; `denial` is raised instead when set."""

    def __init__(self) -> None:
        self.permissions: list[tuple[str, str | None, bytes | None]] = []
        self.denial: Exception | None = None

    def authenticate(self, request: Any, now_ns: int) -> Authenticated:
        if self.denial is not None:
            raise self.denial
        return Authenticated(principal=OWNER, kind=AuthKind.V4_HEADER, payload=UNSIGNED)

    def authorise(self, principal: Any, action: str, bucket: Any, key: Any) -> None:
        self.permissions.append((action, bucket, key))


class Bench:
    """A front end with everything around it, and a parser for its answers."""

    def __init__(
        self,
        *,
        region: str = "us-east-1",
        settings: FrontSettings | None = None,
        actions: Mapping[str, Any] | None = None,
    ) -> None:
        self.store = MemoryObjectStore(part_bytes_min=5)
        self.gate = OpenGate()
        self.facts: list[CallFacts] = []
        self.front = FrontEnd(
            service=Service(
                store=self.store,
                clock=self.store.clock,
                region=region,
                authorise=self.gate.authorise,
            ),
            gate=self.gate,
            model=service_model(),
            actions=load_actions() if actions is None else actions,
            settings=settings or FrontSettings(),
            on_done=self.facts.append,
        )

    def ask(
        self,
        method: str,
        url: str | bytes,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Answered:
        """Return the answer to one request."""
        return asyncio.run(ask(self.front.handle, method, url, headers, body))

    def read(self, operation: str, answered: Answered) -> dict[str, Any]:
        """Return an answer as botocore's parser understands it."""
        model = botocore_model().operation_model(operation)
        response = {
            "status_code": answered.status,
            "headers": HeadersDict(dict(answered.headers)),
            "body": answered.body,
        }
        parsed = RestXMLParser().parse(response, model.output_shape)
        parsed.pop("ResponseMetadata", None) if answered.status < 300 else None
        return parsed

    def call(self, operation: str, method: str, url: str, **more: Any) -> dict[str, Any]:
        """Ask, expect a success, and return it parsed."""
        answered = self.ask(method, url, **more)
        assert answered.status < 300, answered.body
        return self.read(operation, answered)

    def error(self, method: str, url: str, **more: Any) -> tuple[int, str]:
        """Ask, expect an error, and return status and code."""
        answered = self.ask(method, url, **more)
        assert answered.status >= 300
        code = answered.body.partition(b"<Code>")[2].partition(b"</Code>")[0]
        return answered.status, code.decode()
