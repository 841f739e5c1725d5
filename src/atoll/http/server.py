"""The HTTP server: listeners, their connections, one timer, and a clean end.

Owns      the lifetime of sockets, connections and their tasks; how many there may be.
Does not  know what is served: a front end arrives as `HttpService`.
Tasks     one per connection, in the task group given to `open`; accepting is a callback. One timer
          ticks while connections exist; an idle server without clients does nothing.
Invariant every accepted socket is owned by exactly one task, which closes it.
Stop      `close`: listeners first, idle connections at once, requests in flight until `drain_s`,
          then abort and cancel.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Sequence
from typing import Final, cast

import msgspec

from atoll.http.connection import Connection
from atoll.http.conversation import Conversation
from atoll.http.listen import Acceptor, Address, bind_sockets
from atoll.http.render import HttpDate
from atoll.http.service import HttpService, Load, RequestIds
from atoll.http.tls import TlsContexts, TlsFiles

_LOG: Final = logging.getLogger(__name__)
#: A tick that comes later than this many times its interval judges nobody: the server was away,
#: not the clients.
_LATE_TICKS: Final = 3


class Listener(msgspec.Struct, frozen=True):
    """An address, with TLS or without."""

    address: Address
    tls: TlsFiles | None = None


class Server:
    """One front end on some addresses. `open` it, `close` it; it cannot be opened again."""

    def __init__(self, service: HttpService, tasks: asyncio.TaskGroup) -> None:
        self._service = service
        self._tasks = tasks
        self._loop = asyncio.get_running_loop()
        self._acceptors: list[Acceptor] = []
        self._connections: dict[asyncio.Task[None], Connection] = {}
        self._handshakes: set[asyncio.Task[None]] = set()
        self._date = HttpDate(service.clock)
        self._request_ids = RequestIds(service.entropy)
        self._ticker: asyncio.TimerHandle | None = None
        self._ticked_s = 0.0
        self._is_stopping = False
        self._emptied: asyncio.Future[None] | None = None
        #: What the server holds; read by metrics.
        self.load = Load()
        #: Where it listens, with the ports that were chosen for port 0.
        self.addresses: list[Address] = []
        #: Contexts of the listeners with TLS.
        self.tls_contexts: list[TlsContexts] = []

    @classmethod
    async def open(
        cls, listeners: Sequence[Listener], service: HttpService, *, tasks: asyncio.TaskGroup
    ) -> Server:
        """Listen on all addresses and serve until `close`.

        Raises
            OSError: an address cannot be bound or a certificate not loaded. Nothing listens then.
        """
        server = cls(service, tasks)
        limits = service.limits
        bound: list[tuple[list[socket.socket], TlsContexts | None]] = []
        plain = [listener.address for listener in listeners if listener.tls is None]
        groups: list[tuple[list[Address], TlsFiles | None]] = [(plain, None)] if plain else []
        groups += [([listener.address], listener.tls) for listener in listeners if listener.tls]
        try:
            for addresses, files in groups:
                contexts = TlsContexts.open(files) if files is not None else None
                bound.append((await bind_sockets(addresses, limits.backlog_connections), contexts))
        except OSError:
            for sockets, _ in bound:
                for listening in sockets:
                    listening.close()
            raise
        for sockets, contexts in bound:
            server._start(sockets, contexts)
        return server

    def _start(self, sockets: list[socket.socket], contexts: TlsContexts | None) -> None:
        def take(client: socket.socket, peer: str) -> None:
            self._take(client, peer, contexts)

        acceptor = Acceptor(sockets, self._service.limits, take)
        self._acceptors.append(acceptor)
        if contexts is not None:
            self.tls_contexts.append(contexts)
        self.addresses += [Address(*listening.getsockname()[:2]) for listening in sockets]
        acceptor.start()

    async def close(self, drain_s: float) -> None:
        """Stop: return when no connection is left, after `drain_s` and a moment at the latest."""
        self._is_stopping = True
        for acceptor in self._acceptors:
            acceptor.close()
        for task in tuple(self._handshakes):
            task.cancel()
        for connection in tuple(self._connections.values()):
            connection.stop()
        if not await self._wait_empty(drain_s):
            _LOG.warning("connections cut off at the stop: %d", self.load.connections)
            for task, connection in tuple(self._connections.items()):
                connection.abort()
                task.cancel()
            await self._wait_empty(drain_s)
        if self._ticker is not None:
            self._ticker.cancel()

    async def _wait_empty(self, timeout_s: float) -> bool:
        if self.load.connections:
            self._emptied = self._loop.create_future()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._emptied
            except TimeoutError:
                return False
        return True

    # ── connections ────────────────────────────────────────────────────────────────────────────

    def _take(self, client: socket.socket, peer: str, contexts: TlsContexts | None) -> None:
        """Give an accepted socket its task, or turn it away."""
        limits, load = self._service.limits, self.load
        load.accepted += 1
        is_shed = load.connections >= limits.connections_max
        if is_shed:
            load.shed_connections += 1
            if load.connections >= limits.connections_max + limits.shed_connections_max:
                client.close()
                return
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        context = contexts.current(self._loop.time()) if contexts is not None else None
        load.connections += 1
        task = self._tasks.create_task(self._serve(client, peer, context, is_shed=is_shed))
        self._handshakes.add(task)
        task.add_done_callback(self._forget)
        if self._ticker is None:
            self._ticked_s = self._loop.time()
            self._ticker = self._loop.call_later(limits.tick_s, self._tick)

    async def _serve(
        self, client: socket.socket, peer: str, context: ssl.SSLContext | None, *, is_shed: bool
    ) -> None:
        """Own one connection from its acceptance to its end."""
        task = cast("asyncio.Task[None]", asyncio.current_task())
        service = self._service
        connection = Connection(
            service.limits,
            self._request_ids.draw,
            peer=peer,
            is_tls=context is not None,
            is_shed=is_shed,
        )
        try:
            if not await self._attach(connection, client, context):
                return
            self._handshakes.discard(task)
            self._connections[task] = connection
            if self._is_stopping:
                connection.stop()
            await Conversation(connection, service, self.load, self._date, self._request_ids).run()
        except Exception:  # noqa: BLE001 (boundary: one connection must not end the others)
            _LOG.exception("a connection failed")

    def _forget(self, task: asyncio.Task[None]) -> None:
        """Account for the end of a connection, also of one whose task never began."""
        self._handshakes.discard(task)
        self._connections.pop(task, None)
        self.load.connections -= 1
        emptied = self._emptied
        if not self.load.connections and emptied is not None and not emptied.done():
            emptied.set_result(None)

    async def _attach(
        self, connection: Connection, client: socket.socket, context: ssl.SSLContext | None
    ) -> bool:
        """Connect socket and protocol, after the TLS handshake; return whether that worked."""
        limits = self._service.limits
        try:
            if context is None:
                await self._loop.connect_accepted_socket(lambda: connection, client)
            else:
                await self._loop.connect_accepted_socket(
                    lambda: connection,
                    client,
                    ssl=context,
                    ssl_handshake_timeout=limits.head_timeout_s,
                    ssl_shutdown_timeout=limits.linger_s,
                )
        except (OSError, TimeoutError) as exc:
            # Scanners and broken clients; of use only to who looks for a certain client.
            _LOG.debug("%s: no connection: %s", connection.peer, exc)
            client.close()
            return False
        except asyncio.CancelledError:
            client.close()
            raise
        return True

    def _tick(self) -> None:
        """Judge all clients, and go on as long as there are any."""
        limits = self._service.limits
        now_s = self._loop.time()
        elapsed_s = now_s - self._ticked_s
        self._ticked_s = now_s
        if elapsed_s <= limits.tick_s * _LATE_TICKS:
            for connection in tuple(self._connections.values()):
                connection.tick(now_s, elapsed_s)
        self._ticker = None
        if self.load.connections:
            self._ticker = self._loop.call_later(limits.tick_s, self._tick)
