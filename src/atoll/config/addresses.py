"""Listen addresses: `127.0.0.1:9000`, `[::1]:9000`, `localhost:9000`, `:9000`.

Without a host, all addresses of the machine are meant, IPv4 and IPv6.
A host is not resolved here; binding it is the server's business. Port 0 lets the system choose one.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

import msgspec

_HOST_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_WILDCARDS: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 (parsed, not bound here)
PORT_MAX: Final = 65_535


class ListenAddress(msgspec.Struct, frozen=True):
    """Where to listen. An empty host means every address of the machine, IPv4 and IPv6."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_wildcard(self) -> bool:
        """Return whether the address stands for every address of the machine."""
        return self.host in _WILDCARDS


def parse_listen(text: str) -> ListenAddress:
    """Return the address that `text` names.

    Raises
        ValueError: it is not HOST:PORT.
    """
    host, colon, port_text = text.strip().rpartition(":")
    if not colon or not port_text.isdecimal() or int(port_text) > PORT_MAX:
        raise ValueError(f"expected HOST:PORT with a port up to {PORT_MAX}, found {text!r}")
    port = int(port_text)
    if host.startswith("[") and host.endswith("]"):
        try:
            ipaddress.IPv6Address(host[1:-1])
        except ValueError as exc:
            raise ValueError(f"expected an IPv6 address in brackets, found {text!r}") from exc
        return ListenAddress(host[1:-1], port)
    if ":" in host:
        raise ValueError(f"expected an IPv6 address in brackets such as [::1]:9000, found {text!r}")
    if host == "*":
        host = ""
    if host and not _HOST_NAME.fullmatch(host):
        raise ValueError(f"expected a host name or an address, found {text!r}")
    return ListenAddress(host, port)


def render_url(address: ListenAddress, *, is_tls: bool) -> str:
    """Return a URL that a client on this machine can use for `address`."""
    scheme = "https" if is_tls else "http"
    if address.is_wildcard:
        host = "[::1]" if address.host == "::" else "127.0.0.1"
    else:
        host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{scheme}://{host}:{address.port}"
