"""The S3 front end: one request in, one response out.

Owns      the order of steps: route → gate → refusals → input → action → answer; deadlines; the one
          place where errors become responses and are logged.
Does not  know what an action does, how a signature is checked (gate) or how bodies are framed and
          verified (body).
Invariant nothing of a body is read and no action runs before the gate has let the request pass. The
          handler never raises, except when it is cancelled.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol, TypeVar

import msgspec

from atoll.base.errors import (
    AccessDenied,
    Damaged,
    DeadlineExceeded,
    DriveFault,
    Malformed,
    StoreError,
    Unavailable,
)
from atoll.base.limits import COMPLETE_UPLOAD_BYTES_MAX, DELETE_BYTES_MAX, XML_BYTES_MAX
from atoll.base.names import BucketName, ObjectKey, parse_bucket_name, parse_object_key
from atoll.base.streams import Body
from atoll.http.messages import Headers, RenderError, Request, Response
from atoll.s3.body import check_framed, open_body, read_document
from atoll.s3.call import Action, Answer, Call, Field, Principal, Service
from atoll.s3.errors import S3Error
from atoll.s3.gate import Authenticated
from atoll.s3.headers.unsupported import refuse_headers
from atoll.s3.permissions import permission_of
from atoll.s3.protocol.answering import render_answer
from atoll.s3.protocol.binding import merge_hoisted, parse_input, parse_payload
from atoll.s3.protocol.error_documents import ErrorContext, render_error, render_plain_error
from atoll.s3.protocol.model import ServiceModel
from atoll.s3.routes import Router
from atoll.s3.target import Target, parse_query, parse_target
from atoll.s3.xml.shapes import Operation

_LOG: Final = logging.getLogger("atoll.s3")

#: Actions that move as many bytes as a client wishes; the server's own timers bound them.
_UNBOUNDED: Final = frozenset(
    {"PutObject", "UploadPart", "CopyObject", "UploadPartCopy", "CompleteMultipartUpload"}
)
_DOCUMENT_BYTES_MAX: Final[Mapping[str, int]] = {
    "CompleteMultipartUpload": COMPLETE_UPLOAD_BYTES_MAX,
    "DeleteObjects": DELETE_BYTES_MAX,
}
#: Actions whose checksum headers speak of the object, not of the document in the request.
_OBJECT_CHECKSUMS: Final = frozenset({"CompleteMultipartUpload"})
#: Actions whose document S3 takes only with a digest of it.
_NEEDS_DIGEST: Final = frozenset({"DeleteObjects"})
#: Actions whose document has a code of its own when it does not fit.
_ACLS: Final = frozenset({"PutBucketAcl", "PutObjectAcl"})
_READS: Final = frozenset({"GET", "HEAD"})
_SERVER_ERRORS_FROM: Final = 500


_T = TypeVar("_T")


class AnyGate(Protocol):
    """What this front end asks of the gate; `gate.Gate` is the one that is wired."""

    def authenticate(self, request: Request, now_ns: int) -> Authenticated:
        """Return who calls. Raises Denied, Invalid."""
        ...

    def authorise(
        self, principal: Principal, action: str, bucket: BucketName | None, key: ObjectKey | None
    ) -> None:
        """Check one permission, by its IAM name. Raises AccessDenied."""
        ...


class CallFacts(msgspec.Struct, frozen=True):
    """What one request was, for access logs and metrics. `code` is empty for successes."""

    request: Request
    action: str
    access_key: str
    bucket: str | None
    key: bytes | None
    status: int
    code: str
    duration_s: float


class FrontSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a front end presents itself."""

    #: Domains in front of which a bucket may stand in the Host header.
    base_domains: tuple[str, ...] = ()
    #: Sent as `x-amz-id-2`: names the node to whoever reads its logs.
    host_id: str = "atoll"
    #: For actions whose work does not grow with what a client sends.
    deadline_s: float = 60.0


def ignore_facts(_facts: CallFacts) -> None:
    """Take note of nothing."""


class _Progress:
    """How far a request came; what is known of it when it fails."""

    __slots__ = ("access_key", "action", "code", "target")

    def __init__(self) -> None:
        self.action = "-"
        self.access_key = "-"
        self.code = ""
        self.target: Target | None = None


class FrontEnd:
    """Answers S3 requests. Stateless between requests; shared by all connections."""

    def __init__(  # noqa: PLR0913 (the composition root names each)
        self,
        *,
        service: Service,
        gate: AnyGate,
        model: ServiceModel,
        actions: Mapping[str, Action],
        settings: FrontSettings = FrontSettings(),  # noqa: B008 (frozen value)
        on_done: Callable[[CallFacts], None] = ignore_facts,
    ) -> None:
        self._service = service
        self._gate = gate
        self._operations = model.operations
        self._actions = actions
        self._settings = settings
        self._on_done = on_done
        self._router = Router()

    async def handle(self, request: Request) -> Response:
        """Answer one request; this is the `Handler` of the HTTP server."""
        clock = self._service.clock
        started_s = clock.monotonic_s()
        progress = _Progress()
        try:
            response = await self._answer(request, progress)
        except StoreError as exc:
            response = self._fail(request, progress, exc)
        except Exception as exc:  # noqa: BLE001 (boundary: our bug must not end the connection)
            response = self._fail(request, progress, exc)
        response.headers.append(("x-amz-request-id", request.request_id))
        response.headers.append(("x-amz-id-2", self._settings.host_id))
        response.action = progress.action
        response.principal = progress.access_key
        target = progress.target
        self._on_done(
            CallFacts(
                request,
                progress.action,
                progress.access_key,
                target.bucket if target else None,
                target.key if target else None,
                response.status,
                progress.code,
                clock.monotonic_s() - started_s,
            )
        )
        return response

    async def _answer(self, request: Request, progress: _Progress) -> Response:
        target = progress.target = parse_target(
            request.path, request.headers.get("host"), self._settings.base_domains
        )
        query = parse_query(request.query)
        headers = merge_hoisted(request.headers, query) if query else request.headers
        action = self._router.find_action(request.method, target.level, query, headers)
        progress.action = action
        if action == "PostObject":
            # Who sends a form stands in the form: the gate could only call it anonymous.
            raise S3Error("NotImplemented", "Uploads by HTML form (POST) are not implemented.")
        who = self._gate.authenticate(request, self._service.clock.time_ns())
        principal = who.principal
        progress.access_key = principal.access_key
        bucket = None if target.bucket is None else parse_bucket_name(target.bucket)
        key = None if target.key is None else parse_object_key(target.key)
        permission = permission_of(action, names_version="versionId" in query)
        self._gate.authorise(principal, permission, bucket, key)
        function = self._actions.get(action)
        if function is None:
            raise S3Error("NotImplemented", f"{action} is not implemented.")
        refuse_headers(headers.pairs, action, is_read=request.method in _READS)
        operation = self._operations[action]
        values = parse_input(operation, query, headers)
        if "ExpectedBucketOwner" in values and bucket is not None:
            await self._check_owner(bucket, values["ExpectedBucketOwner"])
        request = _with_headers(request, headers)
        body = await self._read_payload(request, who, operation, values)
        call = Call(
            service=self._service,
            request=request,
            principal=principal,
            action=action,
            bucket=bucket,
            key=key,
            input=values,
            body=body,
        )
        answer = await self._act(function, call)
        return render_answer(operation, answer, is_head=request.method == "HEAD")

    async def _read_payload(
        self,
        request: Request,
        who: Authenticated,
        operation: Operation,
        values: dict[str, Field],
    ) -> Body | None:
        """Add the document's member to `values`, or return the content as a stream."""
        payload = operation.payload
        if payload is None:
            return None
        if payload.is_streaming:
            check_framed(request.headers)
            return open_body(request, who)
        body = open_body(request, who, has_checksums=operation.name not in _OBJECT_CHECKSUMS)
        size_bytes_max = _DOCUMENT_BYTES_MAX.get(operation.name, XML_BYTES_MAX)
        if operation.name in _NEEDS_DIGEST:
            _check_has_digest(request.headers, body)
        document = await self._within_deadline(read_document(body, size_bytes_max))
        try:
            values.update(parse_payload(operation, document))
        except Malformed as exc:
            if operation.name in _ACLS:
                raise S3Error("MalformedACLError") from exc
            raise
        return None

    async def _act(self, function: Action, call: Call) -> Answer:
        if call.action in _UNBOUNDED:
            return await function(call)
        return await self._within_deadline(function(call))

    async def _within_deadline(self, work: Awaitable[_T]) -> _T:
        """Await bounded work. Raises DeadlineExceeded."""
        try:
            async with asyncio.timeout(self._settings.deadline_s) as deadline:
                return await work
        except TimeoutError as exc:
            if not deadline.expired():
                raise
            raise DeadlineExceeded(deadline_s=self._settings.deadline_s) from exc

    async def _check_owner(self, bucket: BucketName, expected: Field) -> None:
        """Check the owner that the client expects, so that it never acts on another's bucket."""
        found = await self._service.store.head_bucket(bucket)
        if found.owner != expected:
            raise AccessDenied(bucket=bucket)

    def _fail(self, request: Request, progress: _Progress, error: Exception) -> Response:
        target = progress.target
        key = target.key.decode("utf-8", "replace") if target and target.key else None
        context = ErrorContext(
            method=request.method,
            resource=request.path.decode("latin-1"),
            request_id=request.request_id,
            host_id=self._settings.host_id,
            bucket=target.bucket if target else None,
            key=key,
            range=request.headers.get("range"),
        )
        row, headers, body = render_error(error, context)
        progress.code = row.code
        if row.status >= _SERVER_ERRORS_FROM:
            _log(request, progress.action, error)
        return Response(row.status, headers, body)


def _check_has_digest(headers: Headers, body: Body) -> None:
    if not body.algorithms and "content-md5" not in headers:
        raise S3Error("InvalidRequest", "Missing required header for this request: Content-MD5")


def _log(request: Request, action: str, error: Exception) -> None:
    """Write the one log line of a failed request; what S3 lacks is no failure of this node."""
    facts = "%s %s (request %s): %s"
    if isinstance(error, Unavailable):
        _LOG.warning(facts, action, request.peer, request.request_id, error)
    elif isinstance(error, Damaged | DriveFault):
        _LOG.error(facts, action, request.peer, request.request_id, error)
    elif not isinstance(error, StoreError):
        _LOG.error(facts, action, request.peer, request.request_id, error, exc_info=error)


def _with_headers(request: Request, headers: Headers) -> Request:
    """Return a request whose headers include those from a presigned URL's query."""
    if headers is request.headers:
        return request
    return Request(
        method=request.method,
        path=request.path,
        query=request.query,
        headers=headers,
        body=request.body,
        peer=request.peer,
        is_tls=request.is_tls,
        request_id=request.request_id,
    )


def make_render_error(host_id: str) -> RenderError:
    """Return the renderer of errors that the HTTP server itself finds."""

    def render(status: int, code: str, message: str, request_id: str) -> Response:
        body = render_plain_error(
            code=code, message=message, request_id=request_id, host_id=host_id
        )
        headers = [
            ("content-type", "application/xml"),
            ("x-amz-request-id", request_id),
            ("x-amz-id-2", host_id),
        ]
        return Response(status, headers, body)

    return render
