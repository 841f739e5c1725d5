"""The admin API: match, authorise, read, call, render.

Owns      the way of one admin request and the form of its errors:
          `{"error": {"code": …, "message": …, "request_id": …}}`.
Does not  know what a signature is (gate.py) or what a drive is (control.py).
Invariant nothing is read of the body and nothing is done before the gate has admitted the caller
          for the route's own action. A path that is not in the table tells nobody anything.
Limit     a body has at most 64 KiB.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import msgspec

from atoll.admin.control import Control
from atoll.admin.gate import Admitted, Gate
from atoll.admin.routes import PREFIX, Asked, Route, find_routes
from atoll.base.errors import (
    Conflict,
    Denied,
    NotFound,
    Rejected,
    StoreError,
    Throttled,
    TooLarge,
    Unavailable,
)
from atoll.http.messages import Request, Response

BODY_BYTES_MAX: Final = 64 * 1024

_LOG: Final = logging.getLogger("atoll.admin")

#: The first class that matches decides; order is from special to general.
_STATUS: Final = (
    (TooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (NotFound, HTTPStatus.NOT_FOUND),
    (Denied, HTTPStatus.FORBIDDEN),
    (Conflict, HTTPStatus.CONFLICT),
    (Rejected, HTTPStatus.BAD_REQUEST),
    (Throttled, HTTPStatus.TOO_MANY_REQUESTS),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (StoreError, HTTPStatus.INTERNAL_SERVER_ERROR),
)


class AdminApi:
    """Handler of everything below `/_atoll/admin/`."""

    def __init__(self, *, control: Control, gate: Gate) -> None:
        self._control = control
        self._gate = gate

    async def __call__(self, request: Request) -> Response:
        """Answer one request. Never raises."""
        try:
            path = request.path.decode("ascii")
        except UnicodeDecodeError:
            path = ""
        routes, item_id = find_routes(path)
        if not routes:
            return render_error(
                request,
                HTTPStatus.NOT_FOUND,
                "UnknownPath",
                f"There is nothing here; see {PREFIX}.",
            )
        route = next((one for one in routes if one.method == request.method), None)
        if route is None:
            allow = ", ".join(sorted(one.method for one in routes))
            return render_error(
                request,
                HTTPStatus.METHOD_NOT_ALLOWED,
                "MethodNotAllowed",
                f"This path answers {allow}.",
                {"allow": allow},
            )
        return await self._answer(request, route, item_id)

    async def _answer(self, request: Request, route: Route, item_id: str) -> Response:
        """Answer a request whose route is known, labelled for the access log and the metrics."""
        principal = "-"
        try:
            admitted = await self._gate.admit(request, route.action)
            principal = admitted.access_key
            response = await self._call(request, route, item_id, admitted)
        except StoreError as exc:
            status = find_status(exc)
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                _LOG.warning("admin request %s: %s", request.request_id, exc)
            response = render_error(request, status, type(exc).__name__, exc.message)
        except Exception:  # noqa: BLE001 (the boundary of a front end)
            # A bug becomes one answer and one log record, never a dead connection.
            _LOG.exception("admin request %s failed", request.request_id)
            response = render_error(
                request, HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError", "An error of the node."
            )
        response.action, response.principal = route.action, principal
        return response

    async def _call(
        self, request: Request, route: Route, item_id: str, admitted: Admitted
    ) -> Response:
        body = await _read_body(admitted)
        value = await route.handle(self._control, Asked(item_id, body))
        if request.method != "GET":
            _LOG.info("%s by %s: %s", route.action, admitted.access_key, item_id or "done")
        return render_json(request, route.status, value)


async def _read_body(admitted: Admitted) -> bytes:
    body = admitted.body
    if body is None:
        return b""
    if body.size_bytes is not None and body.size_bytes > BODY_BYTES_MAX:
        raise TooLarge(size_bytes=body.size_bytes, size_bytes_max=BODY_BYTES_MAX)
    chunks: list[bytes] = []
    size_bytes = 0
    async for chunk in body:
        size_bytes += len(chunk)
        if size_bytes > BODY_BYTES_MAX:
            raise TooLarge(size_bytes=size_bytes, size_bytes_max=BODY_BYTES_MAX)
        chunks.append(bytes(chunk))
    return b"".join(chunks)


def find_status(error: StoreError) -> HTTPStatus:
    """Return the status of an error by its family. Total: StoreError itself is the last row."""
    return next(status for family, status in _STATUS if isinstance(error, family))


def render_json(
    request: Request,
    status: HTTPStatus,
    value: object,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a JSON response that no cache keeps."""
    content = msgspec.json.encode(value)
    pairs = [
        ("content-type", "application/json"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-amz-request-id", request.request_id),
        *(headers or {}).items(),
    ]
    if request.method == "HEAD":
        return Response(int(status), pairs, length_bytes=len(content))
    return Response(int(status), pairs, content)


def render_error(
    request: Request,
    status: HTTPStatus,
    code: str,
    message: str,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return an error document."""
    document = {"code": code, "message": message, "request_id": request.request_id}
    return render_json(request, status, {"error": document}, headers)
