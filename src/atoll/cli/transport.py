"""HTTP from the command line to one node: one request, one answer, no redirects.

Owns      connection, TLS and the sentences for everything that can go wrong below HTTP.
Does not  sign (client.py) or understand answers.
Limits    an answer has at most `ANSWER_BYTES_MAX`; every wait ends after `timeout_s`.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

import msgspec

from atoll.cli.exits import CliFailure, ExitCode

ANSWER_BYTES_MAX: Final = 16 << 20


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """One signed request."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


class Reply(msgspec.Struct, frozen=True):
    """One answer."""

    status: int
    body: bytes


class Transport(Protocol):
    """Send requests."""

    def send(self, outgoing: Outgoing) -> Reply:
        """Return the answer.

        Raises
            CliFailure: UNREACHABLE, with a sentence that names the endpoint and the reason.
        """
        ...


class HttpTransport:
    """Transport over http.client, a connection per request."""

    def __init__(self, *, timeout_s: float, ca_file: str | None) -> None:
        self._timeout_s = timeout_s
        self._ca_file = ca_file

    def send(self, outgoing: Outgoing) -> Reply:
        """Return the answer, or fail with a sentence."""
        parts = urlsplit(outgoing.url)
        endpoint = f"{parts.scheme}://{parts.netloc}"
        target = parts.path + ("?" + parts.query if parts.query else "")
        connection = self._connect(parts.scheme, parts.hostname or "", parts.port)
        try:
            connection.request(outgoing.method, target, outgoing.body, dict(outgoing.headers))
            answer = connection.getresponse()
            body = answer.read(ANSWER_BYTES_MAX + 1)
        except ssl.SSLCertVerificationError as exc:
            raise CliFailure(
                f"the certificate of {endpoint} is not trusted: {exc.verify_message}; "
                "name its authority with --ca-file",
                ExitCode.UNREACHABLE,
            ) from exc
        except TimeoutError as exc:
            raise CliFailure(
                f"{endpoint} did not answer within {self._timeout_s:g} s", ExitCode.UNREACHABLE
            ) from exc
        except OSError as exc:
            raise CliFailure(
                f"cannot reach {endpoint}: {exc.strerror or exc}; is the node running there? "
                "(--endpoint, ATOLL_ENDPOINT)",
                ExitCode.UNREACHABLE,
            ) from exc
        except http.client.HTTPException as exc:
            raise CliFailure(
                f"{endpoint} does not answer in HTTP ({type(exc).__name__})", ExitCode.UNREACHABLE
            ) from exc
        finally:
            connection.close()
        if len(body) > ANSWER_BYTES_MAX:
            raise CliFailure(f"{endpoint} sent more than {ANSWER_BYTES_MAX} bytes")
        return Reply(answer.status, body)

    def _connect(self, scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
        if scheme != "https":
            return http.client.HTTPConnection(host, port, timeout=self._timeout_s)
        context = ssl.create_default_context()
        if self._ca_file is not None:
            try:
                context.load_verify_locations(cafile=str(Path(self._ca_file)))
            except OSError as exc:  # ssl.SSLError is an OSError
                raise CliFailure(
                    f"ca_file {self._ca_file}: cannot be used: {exc.strerror or exc}",
                    ExitCode.USAGE,
                ) from exc
        return http.client.HTTPSConnection(host, port, timeout=self._timeout_s, context=context)
