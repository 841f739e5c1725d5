"""Addresses to listen on, and the sockets that do.

Owns      the grammar of `HOST:PORT`, resolution, binding, and accepting without starving or dying.
Does not  speak TLS or HTTP (server).
Invariant a process without free file descriptors pauses accepting and goes on by itself; clients
          wait in the kernel's queue meanwhile.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import socket
from collections.abc import Callable, Sequence
from typing import Final, cast

import msgspec

from atoll.http.limits import HttpLimits

_LOG: Final = logging.getLogger(__name__)
#: What `bind` takes for IPv4 and IPv6.
_Target = tuple[str, int] | tuple[str, int, int, int]
#: Connections taken from one socket before other work of the loop gets its turn.
_ACCEPTS_PER_TURN: Final = 32
_OUT_OF_RESOURCES: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


class Address(msgspec.Struct, frozen=True):
    """A host and a port. Host `` is every address, IPv4 and IPv6; port 0 is any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host or "*"
        return f"{host}:{self.port}"


def parse_address(text: str) -> Address:
    """Return the address of `HOST:PORT`, `[IPV6]:PORT`, `:PORT` or `*:PORT`.

    Raises
        ValueError: the text is none of these; the message is for people.
    """
    host, colon, port = text.strip().rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65_535:
        raise ValueError(f"{text!r} is not HOST:PORT")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        try:
            ipaddress.IPv6Address(host.partition("%")[0])
        except ValueError as exc:
            raise ValueError(f"{text!r} has no IPv6 address in its brackets") from exc
    elif ":" in host:
        raise ValueError(f"{text!r}: an IPv6 address stands in brackets, [{host}]:{port}")
    return Address("" if host == "*" else host, int(port))


async def bind_sockets(addresses: Sequence[Address], backlog: int) -> list[socket.socket]:
    """Return listening sockets for all addresses; none when one cannot be bound.

    Raises
        OSError: an address cannot be resolved or bound; the message names it.
    """
    sockets: list[socket.socket] = []
    has_ipv4_wildcard = {address.port for address in addresses if address.host == "0.0.0.0"}
    try:
        for address in addresses:
            is_dual = address.port not in has_ipv4_wildcard
            for family, target in await _resolve(address):
                sockets.append(_bind(family, target, backlog, is_dual=is_dual))
    except OSError as exc:
        for bound in sockets:
            bound.close()
        raise OSError(exc.errno, f"cannot listen on {address}: {exc.strerror or exc}") from exc
    return sockets


async def _resolve(address: Address) -> list[tuple[int, _Target]]:
    if not address.host:
        host = "::" if socket.has_dualstack_ipv6() else "0.0.0.0"
    else:
        host = address.host
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(
        host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    return list(dict.fromkeys((family, cast(_Target, target)) for family, _, _, _, target in found))


def _bind(
    family: int,
    target: _Target,
    backlog: int,
    *,
    is_dual: bool,
) -> socket.socket:
    """Return one listening socket; `::` takes IPv4 too unless another socket is to have it."""
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            is_wildcard = ipaddress.IPv6Address(target[0].partition("%")[0]).is_unspecified
            listener.setsockopt(
                socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if is_wildcard and is_dual else 1
            )
        listener.bind(target)
        listener.listen(backlog)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def peer_host(name: object) -> str:
    """Return the address of a peer from its socket name, IPv4 in IPv4 notation."""
    if not (isinstance(name, tuple) and name and isinstance(name[0], str)):
        return "-"
    return name[0].removeprefix("::ffff:") if "." in name[0] else name[0].partition("%")[0]


class Acceptor:
    """Accepts from listening sockets and hands each connection on."""

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        limits: HttpLimits,
        on_accept: Callable[[socket.socket, str], None],
    ) -> None:
        self._sockets = list(sockets)
        self._limits = limits
        self._on_accept = on_accept
        self._loop = asyncio.get_running_loop()
        self._resume_timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Accept from all sockets."""
        self._resume_timer = None
        for listener in self._sockets:
            self._loop.add_reader(listener.fileno(), self._accept, listener)

    def close(self) -> None:
        """Stop accepting; clients still in the kernel's queue are reset."""
        self._stop_reading()
        for listener in self._sockets:
            listener.close()
        self._sockets.clear()

    def _stop_reading(self) -> None:
        if self._resume_timer is not None:
            self._resume_timer.cancel()
            self._resume_timer = None
        for listener in self._sockets:
            self._loop.remove_reader(listener.fileno())

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_ACCEPTS_PER_TURN):
            try:
                client, name = listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as exc:
                if exc.errno not in _OUT_OF_RESOURCES:
                    # The client gave up while it waited; the next one may not have.
                    continue
                _LOG.warning("accepting pauses: %s", exc.strerror)
                self._stop_reading()
                self._resume_timer = self._loop.call_later(self._limits.accept_pause_s, self.start)
                return
            client.setblocking(False)
            self._on_accept(client, peer_host(name))
