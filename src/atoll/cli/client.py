"""The admin API from the caller's side: sign, send, decode; plus finding the key pair.

Owns      the meaning of status codes for exit codes, and where credentials are looked for.
Does not  compute signatures (signing.py), print or poll.
Pair      flag, variable or atoll.yaml; else the newest `credentials` file of the drives named by
          --drive or by the configuration; else of ./data/*.
"""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

import msgspec

from atoll.admin.control import (
    DriveView,
    HealRequest,
    JobView,
    RotateRequest,
    RotateView,
    StatusView,
)
from atoll.admin.routes import PREFIX
from atoll.base.errors import AuthorizationMalformed
from atoll.cli.exits import CliFailure, ExitCode
from atoll.cli.tools import Signer, Tools
from atoll.cli.transport import Outgoing, Reply, Transport
from atoll.config.credentials import KeyPair
from atoll.config.explain import SettingRow
from atoll.config.load import Configuration
from atoll.iam.root import find_stored_pair

_FALLBACK: Final = "data"

_Document = TypeVar("_Document")


class _Drives(msgspec.Struct):
    drives: tuple[DriveView, ...]


class _Jobs(msgspec.Struct):
    jobs: tuple[JobView, ...]


class _Settings(msgspec.Struct):
    settings: tuple[SettingRow, ...]


class _Fault(msgspec.Struct):
    code: str = "Unknown"
    message: str = ""


class _FaultDocument(msgspec.Struct):
    error: _Fault


class NodeClient:
    """The commands of one node."""

    def __init__(self, *, endpoint: str, signer: Signer, transport: Transport) -> None:
        self.endpoint = endpoint
        self._signer = signer
        self._transport = transport

    def status(self) -> StatusView:
        """Return the state of the node."""
        return self._ask("GET", "/status", StatusView)

    def drives(self) -> tuple[DriveView, ...]:
        """Return the drives of the node."""
        return self._ask("GET", "/drives", _Drives).drives

    def start_heal(self, request: HealRequest) -> JobView:
        """Start a heal."""
        return self._ask("POST", "/heal", JobView, msgspec.json.encode(request))

    def start_scrub(self) -> JobView:
        """Start a scrub."""
        return self._ask("POST", "/scrub", JobView)

    def jobs(self) -> tuple[JobView, ...]:
        """Return the jobs of the node, newest first."""
        return self._ask("GET", "/jobs", _Jobs).jobs

    def job(self, job_id: str) -> JobView:
        """Return one job."""
        return self._ask("GET", f"/jobs/{quote(job_id, safe='')}", JobView)

    def cancel(self, job_id: str) -> JobView:
        """Stop a job."""
        return self._ask("DELETE", f"/jobs/{quote(job_id, safe='')}", JobView)

    def rotate(self, pair: KeyPair | None) -> RotateView:
        """Replace the root pair."""
        request = RotateRequest()
        if pair is not None:
            request = RotateRequest(access_key=pair.access_key, secret_key=pair.secret_key)
        return self._ask("POST", "/credentials/rotate", RotateView, msgspec.json.encode(request))

    def settings(self) -> tuple[SettingRow, ...]:
        """Return the settings in force on the node."""
        return self._ask("GET", "/config", _Settings).settings

    def presign(self, method: str, path: str, expires_s: int) -> str:
        """Return a URL that allows `method` on `path` (`bucket/key`) for `expires_s` seconds."""
        url = f"{self.endpoint}/{quote(path, safe='/-_.~')}"
        return self._signer.presign(method=method, url=url, expires_s=expires_s)

    def _ask(self, method: str, path: str, shape: type[_Document], body: bytes = b"") -> _Document:
        url = f"{self.endpoint}{PREFIX}{path}"
        headers = self._signer.sign(method=method, url=url, body=body)
        reply = self._transport.send(Outgoing(method=method, url=url, headers=headers, body=body))
        if not HTTPStatus.OK <= reply.status < HTTPStatus.MULTIPLE_CHOICES:
            raise self._explain(reply)
        try:
            return msgspec.json.decode(reply.body, type=shape)
        except msgspec.DecodeError as exc:
            raise CliFailure(
                f"{self.endpoint} answers, but not as an Atoll node of this version: {exc}"
            ) from exc

    def _explain(self, reply: Reply) -> CliFailure:
        try:
            fault = msgspec.json.decode(reply.body, type=_FaultDocument).error
        except msgspec.DecodeError:
            return CliFailure(
                f"{self.endpoint} answered {reply.status}, and not as an Atoll node",
                ExitCode.UNREACHABLE,
            )
        sentence = f"{fault.message} ({fault.code}, {reply.status})"
        is_refused = reply.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
        # The one 400 that is about who asks: a wrong region.
        if is_refused or fault.code == AuthorizationMalformed.__name__:
            return CliFailure(f"the node refuses: {sentence}", ExitCode.REFUSED)
        if reply.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
            return CliFailure(f"the node cannot do this now: {sentence}", ExitCode.NOT_NOW)
        return CliFailure(sentence)


def find_pair(configuration: Configuration) -> tuple[KeyPair, Path | None]:
    """Return the key pair to sign with, and the file it was found in.

    Raises
        CliFailure: USAGE; there is none, and the sentence says where it was looked for.
    """
    if configuration.pair is not None:
        return configuration.pair, None
    drives = [Path(path) for path in configuration.settings.drives]
    fallback = Path(_FALLBACK)
    if fallback.is_dir():
        drives += sorted(path for path in fallback.iterdir() if path.is_dir())
    found = find_stored_pair(drives)
    if found is None:
        places = ", ".join(configuration.settings.drives[:4])
        raise CliFailure(
            f"no credentials: none given, and no readable file `credentials` in {places}; name a "
            "drive with --drive, or set ATOLL_ACCESS_KEY and ATOLL_SECRET_KEY",
            ExitCode.USAGE,
        )
    stored, path = found
    return stored.pair, path


def connect(tools: Tools, configuration: Configuration) -> NodeClient:
    """Return a client of the configured node. Does not yet speak to it."""
    settings = configuration.settings
    pair, _ = find_pair(configuration)
    return NodeClient(
        endpoint=settings.endpoint,
        signer=tools.make_signer(pair, settings.region),
        transport=tools.make_transport(settings.timeout_s, settings.ca_file),
    )
