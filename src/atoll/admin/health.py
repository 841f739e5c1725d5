"""Health and metrics: `/_atoll/health/live`, `/_atoll/health/ready`, `/_atoll/metrics`.

Health needs no signature: load balancers ask it; it says one word and, when not ready, one reason.
Metrics tell names of drives and load, so only this machine reads them freely; from elsewhere they
need `Authorization: Bearer <metrics_token>`, and without a configured token they are refused.
A request that a proxy forwarded does not count as local, whatever address it comes from.
"""

from __future__ import annotations

import hmac
import ipaddress
from http import HTTPStatus
from typing import Final

from atoll.admin.api import render_error, render_json
from atoll.admin.control import Vitals
from atoll.http.messages import Request, Response

_LIVE: Final = b"/_atoll/health/live"
_READY: Final = b"/_atoll/health/ready"
_METRICS: Final = b"/_atoll/metrics"

_METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_PROXY_HEADERS: Final = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


class Health:
    """Handler of the unsigned paths below `/_atoll/`."""

    def __init__(self, *, vitals: Vitals, metrics_token: str | None) -> None:
        self._vitals = vitals
        self._token = None if metrics_token is None else metrics_token.encode("utf-8")

    def owns(self, path: bytes) -> bool:
        """Return whether a path is answered here."""
        return path in (_LIVE, _READY, _METRICS)

    async def __call__(self, request: Request) -> Response:
        """Answer one request. Never raises."""
        if request.method not in ("GET", "HEAD"):
            return render_error(
                request,
                HTTPStatus.METHOD_NOT_ALLOWED,
                "MethodNotAllowed",
                "This path answers GET, HEAD.",
                {"allow": "GET, HEAD"},
            )
        if request.path == _LIVE:
            return render_json(request, HTTPStatus.OK, {"status": "live"})
        if request.path == _READY:
            return self._ready(request)
        return self._metrics(request)

    def _ready(self, request: Request) -> Response:
        found = self._vitals.readiness()
        if found.is_ready:
            return render_json(request, HTTPStatus.OK, {"status": "ready", "reason": found.reason})
        document = {"status": "not ready", "reason": found.reason}
        return render_json(request, HTTPStatus.SERVICE_UNAVAILABLE, document, {"retry-after": "1"})

    def _metrics(self, request: Request) -> Response:
        if not is_local(request) and not self._has_token(request):
            if self._token is None:
                message = "Set metrics_token to read metrics from another machine."
            else:
                message = "The metrics token is missing or wrong."
            return render_error(request, HTTPStatus.FORBIDDEN, "AccessDenied", message)
        content = self._vitals.render_metrics()
        headers = [("content-type", _METRICS_TYPE), ("cache-control", "no-store")]
        if request.method == "HEAD":
            return Response(int(HTTPStatus.OK), headers, length_bytes=len(content))
        return Response(int(HTTPStatus.OK), headers, content)

    def _has_token(self, request: Request) -> bool:
        scheme, _, given = (request.headers.get("authorization") or "").partition(" ")
        if self._token is None or scheme.lower() != "bearer":
            return False
        return hmac.compare_digest(given.strip().encode("latin-1", "replace"), self._token)


def is_local(request: Request) -> bool:
    """Return whether a request comes from this machine and through no proxy."""
    if any(name in request.headers for name in _PROXY_HEADERS):
        return False
    try:
        address = ipaddress.ip_address(request.peer)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback
