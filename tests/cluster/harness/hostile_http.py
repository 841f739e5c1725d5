"""Requests that no library would send: bytes on a connection of their own, signed where a rule is
about what comes behind the signature.

Each request is sent whole and its connection read to the end, so an answer beyond the first, or a
connection that outlives a broken framing, is seen.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping, Sequence

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cluster.node_process import NodeProcess

UNSIGNED = "UNSIGNED-PAYLOAD"
TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

_WAIT_S = 20.0
_CODE = re.compile(rb"<Code>([A-Za-z0-9]+)</Code>")


class _Auth(S3SigV4Auth):
    def __init__(self, keys: tuple[str, str], payload: str) -> None:
        super().__init__(Credentials(*keys), "s3", "us-east-1")
        self._payload = payload

    def payload(self, request: AWSRequest) -> str:
        return self._payload


class Attacker:
    """Sends raw requests to one node, whose keys it holds."""

    def __init__(self, node: NodeProcess) -> None:
        self._node = node
        self.host = f"127.0.0.1:{node.port}"

    def head(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        *,
        payload: str = UNSIGNED,
    ) -> list[str]:
        """Return the lines of a signed head, without an end."""
        request = AWSRequest(method, f"http://{self.host}{target}", headers=dict(headers or {}))
        _Auth(self._node.keys, payload).add_auth(request)
        lines = [f"{name}: {value}" for name, value in request.headers.items()]
        return [f"{method} {target} HTTP/1.1", f"Host: {self.host}", *lines]

    def presign(self, method: str, target: str, expires_s: int = 600) -> str:
        """Return a presigned target."""
        request = AWSRequest(method, f"http://{self.host}{target}")
        credentials = Credentials(*self._node.keys)
        S3SigV4QueryAuth(credentials, "s3", "us-east-1", expires_s).add_auth(request)
        return request.url.removeprefix(f"http://{self.host}")

    def send(self, raw: bytes, *, is_cut: bool = False) -> bytes:
        """Send bytes, `is_cut`: and nothing more ever; return all that comes back."""
        with socket.create_connection(("127.0.0.1", self._node.port), _WAIT_S) as connection:
            try:
                connection.sendall(raw)
                if is_cut:
                    connection.shutdown(socket.SHUT_WR)
            except (BrokenPipeError, ConnectionResetError):
                # The answer came before the end; it is there to be read.
                pass
            answer = bytearray()
            while chunk := connection.recv(65536):
                answer += chunk
        return bytes(answer)

    def ask(self, lines: Sequence[str], body: bytes = b"") -> tuple[int, str]:
        """Send a request as its connection's last; return status and error code of its answer."""
        framed = [*lines, "Connection: close", "", ""]
        return read_only_answer(self.send("\r\n".join(framed).encode("latin-1") + body))

    def put(
        self,
        target: str,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        payload: str = UNSIGNED,
    ) -> tuple[int, str]:
        """Put a body with its true length."""
        lines = self.head("PUT", target, headers, payload=payload)
        return self.ask([*lines, f"Content-Length: {len(body)}"], body)

    def post(self, target: str, document: bytes, **headers: str) -> tuple[int, str]:
        """Post a document with its true length."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        lines = self.head("POST", target, named)
        return self.ask([*lines, f"Content-Length: {len(document)}"], document)


def read_only_answer(raw: bytes) -> tuple[int, str]:
    """Return status and error code of the one answer in `raw`; more than one fails the test."""
    assert raw.count(b"HTTP/1.1 ") == 1, raw[:2000]
    found = _CODE.search(raw)
    return int(raw[9:12]), found[1].decode() if found else ""
