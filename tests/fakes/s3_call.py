"""Calls of S3 actions without a front end, and their answers as a real client parses them.

`Bench` owns a store in memory with one bucket. `run` gives an action a Call as the front end would
build it; `parse` renders an answer by the service model and reads it with botocore's own parser.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import botocore.parsers
import botocore.session
from botocore.awsrequest import HeadersDict

from atoll.base.errors import AccessDenied
from atoll.base.names import BucketName, ObjectKey
from atoll.base.streams import PromisedDigests, WholeBody
from atoll.http.messages import Headers, Request
from atoll.objects.contract import BucketChange, PutRequest
from atoll.objects.values import Attributes, ObjectVersion, Versioning
from atoll.s3.call import Answer, Call, Principal, Service
from atoll.s3.protocol.binding import render_body, render_headers
from atoll.s3.protocol.model import ServiceModel, load_service_model
from fakes.http import WholeRawBody
from fakes.object_store import MemoryObjectStore, TickingClock

BUCKET = BucketName("bucket")
OTHER = BucketName("other-bucket")
KEY = ObjectKey(b"key")
PRINCIPAL = Principal(access_key="AK", account="account-1", display_name="root")

Handle = Callable[[Call], Awaitable[Answer]]


def wait(awaitable: Awaitable[Any]) -> Any:
    """Run a coroutine to its end."""

    async def main() -> Any:
        return await awaitable

    return asyncio.run(main())


class Bench:
    """A store with a bucket, and what an action needs around it."""

    def __init__(self, *, part_bytes_min: int = 1) -> None:
        clock = TickingClock()
        self.store = MemoryObjectStore(clock, part_bytes_min=part_bytes_min)
        #: (action, bucket, key) refused beyond the request's own.
        self.refused: set[tuple[str, str]] = set()
        self.asked: list[tuple[str, str, bytes | None]] = []
        self.service = Service(
            store=self.store, clock=clock, region="us-east-1", authorise=self._authorise
        )
        for name in (BUCKET, OTHER):
            wait(self.store.create_bucket(name, owner="account-1", region="us-east-1"))

    def _authorise(
        self, principal: Principal, action: str, bucket: BucketName, key: ObjectKey | None
    ) -> None:
        self.asked.append((action, bucket, key))
        if (action, bucket) in self.refused:
            raise AccessDenied(action=action)

    def version(self, mode: Versioning, bucket: BucketName = BUCKET) -> None:
        """Set the versioning of a bucket."""
        wait(self.store.update_bucket(bucket, BucketChange(versioning=mode)))

    def put(
        self,
        content: bytes,
        key: bytes = KEY,
        *,
        bucket: BucketName = BUCKET,
        algorithm: str = "",
        **attributes: Any,
    ) -> ObjectVersion:
        """Store an object without an action."""
        request = PutRequest(bucket=bucket, key=ObjectKey(key), attributes=Attributes(**attributes))
        algorithms = (algorithm,) if algorithm else ()
        version: ObjectVersion = wait(
            self.store.put(request, WholeBody(content, algorithms=algorithms))
        )
        return version

    def content(self, key: bytes = KEY, bucket: BucketName = BUCKET) -> bytes:
        """Return the bytes of a current version."""
        return self.store._find(bucket, key, None).content

    def call(
        self,
        members: Mapping[str, Any] | None = None,
        *,
        key: bytes | None = KEY,
        bucket: BucketName = BUCKET,
        body: Any = None,
        headers: list[tuple[str, str]] | None = None,
        principal: Principal = PRINCIPAL,
    ) -> Call:
        """Return a call with these input members."""
        path = b"/" + bucket.encode() + (b"/" + key if key else b"")
        request = Request(
            method="GET",
            path=path,
            query=b"",
            headers=Headers([("host", "127.0.0.1:9000"), *(headers or [])]),
            body=WholeRawBody(b""),
            peer="127.0.0.1",
            is_tls=False,
            request_id="0123456789ABCDEF",
        )
        return Call(
            service=self.service,
            request=request,
            principal=principal,
            action="",
            bucket=bucket,
            key=None if key is None else ObjectKey(key),
            input=members or {},
            body=body,
        )

    def run(self, handle: Handle, members: Mapping[str, Any] | None = None, **more: Any) -> Answer:
        """Give one call to an action."""
        answer: Answer = wait(handle(self.call(members, **more)))
        return answer


def header(answer: Answer, name: str) -> str | None:
    """Return a header that an action set itself."""
    return dict(answer.headers).get(name)


def body(content: bytes, *algorithms: str, **promised: Any) -> WholeBody:
    """Return a body as the front end decodes it."""
    return WholeBody(content, algorithms=algorithms, promised=PromisedDigests(**promised))


@functools.cache
def _model() -> ServiceModel:
    return load_service_model()


def parse(action: str, answer: Answer) -> dict[str, Any]:
    """Return what a client reads from an answer, without its metadata."""
    operation = _model().operations[action]
    headers = HeadersDict([*render_headers(operation, answer.output), *answer.headers])
    content = render_body(operation, answer.output)
    model = botocore.session.get_session().get_service_model("s3").operation_model(action)
    parser = botocore.parsers.create_parser("rest-xml")
    response = {"headers": headers, "status_code": answer.status, "body": content}
    parsed: dict[str, Any] = parser.parse(response, model.output_shape)
    parsed.pop("ResponseMetadata")
    return parsed
