"""The fork in front of everything: `/_atoll/…` is ours, all else is S3.

`_` is in no bucket name, so a path-style request never begins with `/_atoll/`. A virtual-host
request does when a key does: it goes to S3, because its host names the bucket.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from atoll.admin.api import render_error
from atoll.admin.health import Health
from atoll.http.messages import Handler, Request, Response

_ROOT: Final = b"/_atoll"
_BRANCH: Final = b"/_atoll/"
_ADMIN: Final = b"/_atoll/admin/"


class Front:
    """Handler of a whole node."""

    def __init__(
        self, *, admin: Handler, health: Health, s3: Handler, domains: Sequence[str] = ()
    ) -> None:
        self._admin = admin
        self._health = health
        self._s3 = s3
        self._suffixes = tuple("." + domain.lower() for domain in domains)

    async def __call__(self, request: Request) -> Response:
        """Answer one request. Never raises."""
        path = request.path
        if not path.startswith(_ROOT) or not (path == _ROOT or path.startswith(_BRANCH)):
            return await self._s3(request)
        if self._suffixes and self._names_bucket(request):
            return await self._s3(request)
        if self._health.owns(path):
            return await self._health(request)
        if path.startswith(_ADMIN):
            return await self._admin(request)
        return render_error(request, HTTPStatus.NOT_FOUND, "UnknownPath", "There is nothing here.")

    def _names_bucket(self, request: Request) -> bool:
        host = (request.headers.get("host") or "").lower()
        name, colon, port = host.rpartition(":")
        if colon and port.isdecimal():
            host = name
        return host.rstrip(".").endswith(self._suffixes)
