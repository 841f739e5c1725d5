"""The gate as the admin API sees it: the one that S3 passes, injected by the composition root.

`Gate.admit` checks the signature and whether the caller may do `action`; it raises a StoreError
(Denied, Invalid, Unavailable) otherwise. The body comes back verified against what was signed: its
reader raises when bytes differ, and nothing may be done before its end is reached.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from atoll.base.streams import Body
from atoll.http.messages import Request


class Admitted(msgspec.Struct, frozen=True):
    """A caller who may do what was asked."""

    access_key: str
    #: None where the request has no body.
    body: Body | None


class Gate(Protocol):
    """Authorise one request."""

    async def admit(self, request: Request, action: str) -> Admitted:
        """Return the caller, or raise Denied. `action` is one of admin/routes.py, `admin:…`."""
        ...
