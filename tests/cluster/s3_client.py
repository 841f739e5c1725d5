"""A small S3 client that hides nothing: no retries, no pooling behind the back, one answer per
call.

Signed with botocore's own signer, sent with `http.client`. A call whose answer did not arrive
raises
`Unanswered`: its outcome is unknown, and whoever keeps a history must keep both possibilities.
One client per thread.
"""

from __future__ import annotations

import http.client
import json
import socket
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlencode

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cluster.node_process import NodeProcess

_NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"
_UNSIGNED = "UNSIGNED-PAYLOAD"


class _Auth(S3SigV4Auth):
    """Signs the head only, but for the admin API, which wants the body signed."""

    def payload(self, request):
        if "/_atoll/" in request.url:
            return sha256(request.data or b"").hexdigest()
        return _UNSIGNED


class Unanswered(Exception):
    """The connection broke before the answer: the outcome is unknown."""


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def etag(self) -> str:
        """Return the entity tag with its quotes."""
        return self.headers["etag"]

    @property
    def code(self) -> str:
        """Return the error code of an error document, "" when there is none."""
        found = ElementTree.fromstring(self.body).findtext("Code") if self.body else None
        return found or ""

    def find(self, path: str) -> list[str]:
        """Return the texts of all elements at a path like `Contents/Key`."""
        steps = "/".join(_NAMESPACE + step for step in path.split("/"))
        return [node.text or "" for node in ElementTree.fromstring(self.body).findall(steps)]

    def json(self) -> Any:  # noqa: ANN401 (the caller knows the document)
        """Return the body of an admin answer."""
        return json.loads(self.body)


class S3Client:
    """Calls on one node, over one connection that is opened again after a break."""

    def __init__(self, node: NodeProcess, *, timeout_s: float = 30.0) -> None:
        self._node = node
        self._timeout_s = timeout_s
        self._connection: http.client.HTTPConnection | None = None
        self._port = 0
        self._auth = _Auth(Credentials(*node.keys), "s3", "us-east-1")

    def __enter__(self) -> S3Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def sign(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> tuple[str, dict[str, str]]:
        """Return target and headers of a signed request."""
        self._port = self._node.port
        target = quote(path, safe="/-_.~")
        if query:
            target += "?" + urlencode(query, quote_via=quote, safe="-_.~")
        request = AWSRequest(
            method=method,
            url=f"http://127.0.0.1:{self._port}{target}",
            headers=dict(headers or {}),
            data=body,
        )
        self._auth.add_auth(request)
        return target, dict(request.headers.items())

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        """Send one request and return its answer.

        Raises
            Unanswered: no whole answer arrived.
        """
        target, signed = self.sign(method, path, query, headers, body)
        try:
            connection = self._connect()
            connection.request(method, target, body or None, signed)
            with connection.getresponse() as response:
                content = response.read()
        except (OSError, http.client.HTTPException) as exc:
            self.close()
            raise Unanswered(f"{method} {path}: {exc!r}") from exc
        if response.will_close:
            self.close()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, content)

    def _connect(self) -> http.client.HTTPConnection:
        """Return the open connection, to where the node serves now."""
        if self._connection is not None and self._connection.port != self._port:
            self.close()
        if self._connection is None:
            self._connection = http.client.HTTPConnection(
                "127.0.0.1", self._port, timeout=self._timeout_s
            )
        return self._connection

    def open(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        query: Mapping[str, str] | None = None,
    ) -> socket.socket:
        """Send the head of a request on a connection of its own; the body is up to the caller."""
        target, signed = self.sign(method, path, query, headers)
        sent = socket.create_connection(("127.0.0.1", self._port), self._timeout_s)
        lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{self._port}"]
        lines += [f"{name}: {value}" for name, value in signed.items()]
        sent.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return sent

    def put(self, path: str, body: bytes, **headers: str) -> Answer:
        """Put an object; `if_match="x"` is the header If-Match."""
        return self.call("PUT", path, body=body, headers=_header_names(headers))

    def get(self, path: str, **headers: str) -> Answer:
        """Get an object."""
        return self.call("GET", path, headers=_header_names(headers))

    def head(self, path: str) -> Answer:
        """Head an object."""
        return self.call("HEAD", path)

    def delete(self, path: str) -> Answer:
        """Delete an object or bucket."""
        return self.call("DELETE", path)

    def copy(self, source: str, target: str) -> Answer:
        """Copy an object."""
        return self.call("PUT", target, headers={"x-amz-copy-source": quote(source)})

    def list_keys(self, bucket: str, *, page: int = 1000, prefix: str = "") -> Iterator[str]:
        """Yield the keys of a bucket, page by page. Fails the test on any status but 200."""
        token = ""
        while True:
            query = {"list-type": "2", "max-keys": str(page), "prefix": prefix}
            if token:
                query["continuation-token"] = token
            answer = self.call("GET", f"/{bucket}", query=query)
            assert answer.status == 200, answer
            yield from answer.find("Contents/Key")
            if answer.find("IsTruncated") != ["true"]:
                return
            (token,) = answer.find("NextContinuationToken")

    def create_upload(self, path: str) -> str:
        """Begin a multipart upload; return its id."""
        answer = self.call("POST", path, query={"uploads": ""})
        assert answer.status == 200, answer
        return answer.find("UploadId")[0]

    def put_part(self, path: str, upload: str, number: int, body: bytes) -> Answer:
        """Put one part."""
        query = {"partNumber": str(number), "uploadId": upload}
        return self.call("PUT", path, query=query, body=body)

    def complete(self, path: str, upload: str, tags: list[str]) -> Answer:
        """Complete an upload from the entity tags of its parts 1, 2, …"""
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"
            for number, tag in enumerate(tags, 1)
        )
        body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        return self.call("POST", path, query={"uploadId": upload}, body=body)

    def drive_views(self) -> list[dict[str, Any]]:
        """Return what the node says of each drive, in the order of the configuration."""
        answer = self.call("GET", "/_atoll/admin/v1/drives")
        assert answer.status == 200, answer
        views = {view["path"]: view for view in answer.json()["drives"]}
        return [views[str(path)] for path in self._node.drives]

    def drive_states(self) -> list[str]:
        """Return the state of each drive in the order of the configuration."""
        return [view["state"] for view in self.drive_views()]


def _header_names(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
