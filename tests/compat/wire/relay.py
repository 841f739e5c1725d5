"""A relay on loopback that keeps what clients send.

Owns      a listening socket and one thread per direction of each connection; they end with it.
Does not  change a byte. With a certificate it takes TLS off, so that the plain request is kept: no
          signature speaks of the transport.
"""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

_PIECE_BYTES = 1 << 16


class Relay:
    """Forwards connections to a port of this machine. Use as a context."""

    def __init__(self, port: int, certificate: tuple[Path, Path] | None = None) -> None:
        self._target = port
        self._context: ssl.SSLContext | None = None
        if certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        #: What each connection carried from its client, in the order of their begin.
        self._streams: list[bytearray] = []
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Relay:
        self._begin(self._accept)
        return self

    def __exit__(self, *error: object) -> None:
        # A shutdown wakes the thread that waits in accept or recv; a close would not.
        for each in (self._listener, *self._sockets):
            _shut(each)
        for thread in self._threads:
            thread.join()
        for each in (self._listener, *self._sockets):
            each.close()

    def streams(self) -> list[bytes]:
        """Return what was sent. Complete once the context has ended."""
        return [bytes(stream) for stream in self._streams]

    def _begin(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(raw)
            self._begin(self._serve, raw)

    def _serve(self, raw: socket.socket) -> None:
        try:
            client = self._context.wrap_socket(raw, server_side=True) if self._context else raw
        except OSError:
            return
        node = socket.create_connection(("127.0.0.1", self._target))
        self._sockets += [client, node]
        stream = bytearray()
        self._streams.append(stream)
        self._begin(_pump, node, client, bytearray())
        _pump(client, node, stream)


def _pump(source: socket.socket, target: socket.socket, kept: bytearray) -> None:
    """Move bytes until either side ends; then end both."""
    try:
        while data := source.recv(_PIECE_BYTES):
            kept += data
            target.sendall(data)
    except OSError:
        pass
    finally:
        _shut(source)
        _shut(target)


def _shut(each: socket.socket) -> None:
    try:
        each.shutdown(socket.SHUT_RDWR)
    except OSError:
        # It ended already.
        return
