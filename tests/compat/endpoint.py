"""Where a node is and with which pair it is used, as clients take it: from their environment."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from compat.certificate import TRUST_STORE, TRUST_STORE_PASSWORD

RUN_SECONDS_MAX = 300
#: Settings of the shell that would lead a client elsewhere.
_FOREIGN = ("AWS_", "ATOLL_", "RCLONE_", "MC_", "S3CMD_", "GOFLAGS")


class ClientFailed(AssertionError):
    """A client ended with an error; the message holds what it wrote."""


@dataclass(frozen=True)
class Endpoint:
    """One node as seen by clients. `home` is where they keep their own files."""

    url: str
    access_key: str
    secret_key: str
    home: Path
    #: Certificate to trust, of a node that speaks TLS.
    certificate: Path | None = None

    @property
    def address(self) -> str:
        """Return HOST:PORT."""
        return self.url.partition("://")[2]

    @property
    def is_tls(self) -> bool:
        """Return whether clients must use TLS."""
        return self.url.startswith("https:")

    def environment(self) -> dict[str, str]:
        """Return the variables that SDKs read, without those of this machine's user."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        trust = {}
        if self.certificate is not None:
            names = ("AWS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE")
            trust = dict.fromkeys(names, str(self.certificate))
            trust["JAVA_TOOL_OPTIONS"] = (
                f"-Djavax.net.ssl.trustStore={self.certificate.with_name(TRUST_STORE)}"
                f" -Djavax.net.ssl.trustStorePassword={TRUST_STORE_PASSWORD}"
            )
        return {
            **kept,
            **trust,
            "HOME": str(self.home),
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
        }


def run(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    folder: Path,
    content: bytes = b"",
    status: int = 0,
) -> bytes:
    """Run a client and return what it wrote to standard output.

    Raises
        ClientFailed: it ended with another status than the one expected.
    """
    ended = subprocess.run(
        [str(part) for part in command],
        env=dict(environment),
        cwd=folder,
        input=content,
        capture_output=True,
        timeout=RUN_SECONDS_MAX,
        check=False,
    )
    if ended.returncode != status:
        said = (ended.stdout + ended.stderr).decode("utf-8", "replace")
        raise ClientFailed(f"{command}: status {ended.returncode}\n{said[-8000:]}")
    return ended.stdout
