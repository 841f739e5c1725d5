"""ONE table of the admin API: method, path, action name, handler.

Invariant a route without an action name cannot be written; what is not in the table does not exist.
Paths     below `/_atoll/admin/v1`; `{id}` stands for one segment of letters, digits, `-` and `_`.
Handlers  get the control, the parsed request and return a JSON-able value; they never see headers.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final, TypeVar

import msgspec

from atoll.admin.control import Control, HealRequest, RotateRequest
from atoll.base.errors import Invalid, InvalidArgument, Malformed
from atoll.config.credentials import parse_pair
from atoll.config.errors import ConfigError

PREFIX: Final = "/_atoll/admin/v1"

_Document = TypeVar("_Document")

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Asked(msgspec.Struct, frozen=True):
    """The parts of a request that a handler may use."""

    item_id: str
    body: bytes


Handle = Callable[[Control, Asked], Awaitable[object]]


class Route(msgspec.Struct, frozen=True):
    """One row of the table."""

    method: str
    path: str
    action: str
    handle: Handle
    meaning: str
    status: HTTPStatus = HTTPStatus.OK


async def _status(control: Control, _: Asked) -> object:
    return await control.status()


async def _drives(control: Control, _: Asked) -> object:
    return {"drives": await control.drives()}


async def _heal(control: Control, asked: Asked) -> object:
    request = _decode(asked.body, HealRequest)
    if request.prefix and not request.bucket:
        raise InvalidArgument("A prefix needs a bucket.", argument="bucket", found="")
    return await control.start_heal(request)


async def _scrub(control: Control, _: Asked) -> object:
    return await control.start_scrub()


async def _jobs(control: Control, _: Asked) -> object:
    return {"jobs": control.jobs()}


async def _job(control: Control, asked: Asked) -> object:
    return control.job(asked.item_id)


async def _cancel(control: Control, asked: Asked) -> object:
    return await control.cancel(asked.item_id)


async def _rotate(control: Control, asked: Asked) -> object:
    request = _decode(asked.body, RotateRequest)
    if not request.access_key and not request.secret_key:
        return await control.rotate(None)
    try:
        pair = parse_pair(request.access_key, request.secret_key)
    except ConfigError as exc:
        raise Invalid(str(exc)) from exc
    return await control.rotate(pair)


async def _config(control: Control, _: Asked) -> object:
    return {"settings": control.settings()}


def _decode(body: bytes, shape: type[_Document]) -> _Document:
    try:
        return msgspec.json.decode(body or b"{}", type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        # msgspec's sentence names members and types, never their values.
        raise Malformed(f"The body is not what this call takes: {exc}") from exc


ROUTES: Final = (
    Route("GET", "/status", "admin:GetStatus", _status, "The node in one document."),
    Route("GET", "/drives", "admin:ListDrives", _drives, "All drives and their state."),
    Route(
        "POST",
        "/heal",
        "admin:StartHeal",
        _heal,
        "Start a heal. Body: bucket, prefix, verify; all optional.",
        HTTPStatus.ACCEPTED,
    ),
    Route(
        "POST",
        "/scrub",
        "admin:StartScrub",
        _scrub,
        "Start a scrub of all drives.",
        HTTPStatus.ACCEPTED,
    ),
    Route("GET", "/jobs", "admin:ListJobs", _jobs, "Jobs, newest first."),
    Route("GET", "/jobs/{id}", "admin:GetJob", _job, "One job and its progress."),
    Route("DELETE", "/jobs/{id}", "admin:CancelJob", _cancel, "Stop a job."),
    Route(
        "POST",
        "/credentials/rotate",
        "admin:RotateCredentials",
        _rotate,
        "Replace the root pair. Body: access_key, secret_key; without them one is generated.",
    ),
    Route("GET", "/config", "admin:GetConfig", _config, "Settings in force, secrets masked."),
)


def find_routes(path: str) -> tuple[list[Route], str]:
    """Return the routes of a path, one per method, and the `{id}` in it."""
    found: list[Route] = []
    item_id = ""
    if path.startswith(PREFIX):
        rest = path[len(PREFIX) :]
        head, _, last = rest.rpartition("/")
        for route in ROUTES:
            if route.path == rest:
                found.append(route)
            elif route.path == head + "/{id}" and _ID.fullmatch(last):
                found.append(route)
                item_id = last
    return found, item_id
