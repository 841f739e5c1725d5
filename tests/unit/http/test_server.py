"""The server on real sockets: listeners, TLS, hostile bytes, limits, and its end."""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path, PosixPath
from typing import Any

import pytest
import uvloop

from atoll.http.limits import HttpLimits
from atoll.http.listen import Address
from atoll.http.messages import Handler, Request, Response
from atoll.http.server import Listener, Server
from atoll.http.service import HttpService
from atoll.http.tls import TlsContexts, TlsFiles
from fakes.http import CountingEntropy, FixedClock, render_plain_error

LOCAL = Listener(Address("127.0.0.1", 0))


async def echo(request: Request) -> Response:
    whole = request.body.whole
    body = whole if whole is not None else b"".join([chunk async for chunk in request.body])
    return Response(200, [("x-peer", request.peer)], body)


@asynccontextmanager
async def serving(
    handler: Handler, *listeners: Listener, limits: HttpLimits | None = None
) -> AsyncIterator[Server]:
    service = HttpService(
        handler=handler,
        render_error=render_plain_error,
        clock=FixedClock(),
        entropy=CountingEntropy(),
        limits=limits or HttpLimits(),
    )
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        server = await Server.open(listeners or (LOCAL,), service, tasks=tasks)
        try:
            yield server
        finally:
            await server.close(0.5)


async def talk(
    address: Address, data: bytes, *, context: ssl.SSLContext | None = None
) -> tuple[bytes, str]:
    """Send bytes; return all that comes until the server closes, and its certificate's name."""
    reader, writer = await asyncio.open_connection(address.host, address.port, ssl=context)
    writer.write(data)
    answer = await reader.read()
    name = ""
    if context is not None:
        peer = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        name = _common_name(peer)
    writer.close()
    return answer, name


def run(test: Callable[[], Awaitable[None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(test())  # type: ignore[arg-type]


def get(path: bytes = b"/", *headers: bytes) -> bytes:
    return b"\r\n".join((b"GET " + path + b" HTTP/1.1", b"Host: a", *headers, b"", b""))


CLOSE = b"Connection: close"


def test_several_listeners_and_port_zero() -> None:
    async def test() -> None:
        async with serving(echo, LOCAL, Listener(Address("::1", 0))) as server:
            assert [address.host for address in server.addresses] == ["127.0.0.1", "::1"]
            for address in server.addresses:
                answer, _ = await talk(address, get(b"/", CLOSE))
                assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
                assert b"x-peer: " + address.host.encode() in answer
            assert server.load.accepted == 2
        assert server.load.connections == 0

    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    run(test)


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: b\nY: c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 100_000,
    ],
)
def test_hostile_bytes_get_one_4xx_and_the_end(data: bytes) -> None:
    async def test() -> None:
        async with serving(echo) as server:
            answer, _ = await talk(server.addresses[0], data + get())
            assert answer.startswith(b"HTTP/1.1 4")
            assert answer.count(b"HTTP/1.1") == 1

    run(test)


def test_an_early_answer_is_seen_although_the_client_still_sends() -> None:
    async def test() -> None:
        async def handler(request: Request) -> Response:
            return Response(403, [], b"no")

        async with serving(handler) as server:
            reader, writer = await asyncio.open_connection(*_pair(server))
            writer.write(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n")
            writer.write(bytes(8_000_000))
            answer = await reader.read()
            assert answer.startswith(b"HTTP/1.1 403")
            assert answer.endswith(b"no")
            writer.close()

    run(test)


def test_bodies_of_megabytes_go_both_ways() -> None:
    async def test() -> None:
        content = bytes(range(256)) * 12_000

        async def handler(request: Request) -> Response:
            body = b"".join([chunk async for chunk in request.body])

            async def chunks() -> AsyncIterator[bytes | memoryview]:
                view = memoryview(body)
                for start in range(0, len(body), 1 << 20):
                    yield view[start : start + (1 << 20)]

            return Response(200, [], chunks(), length_bytes=len(body))

        async with serving(handler) as server:
            head = b"PUT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
            answer, _ = await talk(server.addresses[0], head % len(content) + content)
            assert answer.partition(b"\r\n\r\n")[2] == content

    run(test)


def test_connections_beyond_the_limit_are_shed() -> None:
    async def test() -> None:
        limits = HttpLimits(connections_max=1, shed_connections_max=1)
        async with serving(echo, limits=limits) as server:
            _, first = await asyncio.open_connection(*_pair(server))
            reader, second = await asyncio.open_connection(*_pair(server))
            second.write(get())
            assert (await reader.read()).startswith(b"HTTP/1.1 503")
            second.close()
            assert server.load.shed_connections == 1
            first.close()

    run(test)


def test_stopping_finishes_requests_and_cuts_off_what_takes_too_long() -> None:
    async def test() -> None:
        gate, both = asyncio.Event(), asyncio.Barrier(3)

        async def handler(request: Request) -> Response:
            await both.wait()
            await (gate if request.path == b"/finite" else asyncio.Event()).wait()
            return Response(200, [], b"done")

        async with serving(handler) as server:
            idle_reader, idle = await asyncio.open_connection(*_pair(server))
            reader, writer = await asyncio.open_connection(*_pair(server))
            writer.write(get(b"/finite"))
            endless_reader, endless = await asyncio.open_connection(*_pair(server))
            endless.write(get(b"/endless"))
            await both.wait()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(server.close(0.1))
                assert await idle_reader.read() == b""
                gate.set()
                assert (await reader.read()).endswith(b"done")
                assert await endless_reader.read() == b""
            assert server.load.connections == 0
            with pytest.raises(OSError, match="refused|onnect"):
                await asyncio.open_connection(*_pair(server))
            for end in (idle, writer, endless):
                end.close()

    run(test)


# ── TLS ────────────────────────────────────────────────────────────────────────────────────────


def _make_certificate(folder: Path, name: str) -> TlsFiles:
    files = TlsFiles(cert=folder / "cert.pem", key=folder / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", f"/CN={name}"]
    command += ["-keyout", str(files.key), "-out", str(files.cert)]
    subprocess.run(command, check=True, capture_output=True)
    return files


def _common_name(certificate: bytes) -> str:
    # The subject is the only place where these names occur.
    return next((name for name in ("alpha", "beta") if name.encode() in certificate), "")


def _client_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make certificates")
def test_tls_follows_its_files_and_keeps_the_old_pair_when_the_new_is_broken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        files = _make_certificate(tmp_path, "alpha")
        async with serving(echo, Listener(Address("127.0.0.1", 0), files)) as server:
            address, request = server.addresses[0], get(b"/", CLOSE)
            answer, name = await talk(address, request, context=_client_context())
            assert (answer[:15], name) == (b"HTTP/1.1 200 OK", "alpha")
            _forget_check(server)
            _make_certificate(tmp_path, "beta")
            _, name = await talk(address, request, context=_client_context())
            assert name == "beta"
            _forget_check(server)
            files.key.write_text("no key")
            _, name = await talk(address, request, context=_client_context())
            assert name == "beta"
            files.key.unlink()
            for _ in range(2):
                _forget_check(server)
                _, name = await talk(address, request, context=_client_context())
                assert name == "beta"
            told = [one for one in caplog.messages if "not used" in one]
            assert [("No such file" in one) for one in told] == [False, True]
            answer, _ = await talk(address, request + b"\0" * 64)
            assert not answer.startswith(b"HTTP/1.1 200")

    run(test)


class _RenewedWhileRead(PosixPath):
    """A file of which a new one takes the place when it is opened first."""

    renewed = False

    def open(self, *args: Any, **kwargs: Any) -> Any:
        if not self.renewed:
            self.renewed = True
            fresh = self.with_name("fresh")
            shutil.copyfile(self, fresh)
            fresh.rename(self)
        return super().open(*args, **kwargs)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make certificates")
def test_tls_files_that_change_while_they_are_first_read_are_read_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = _make_certificate(tmp_path, "alpha")
    caplog.set_level(logging.INFO)
    contexts = TlsContexts.open(TlsFiles(cert=files.cert, key=_RenewedWhileRead(files.key)))
    assert caplog.messages == []
    contexts.current(0.0)
    assert caplog.messages == [f"TLS certificate reloaded: {files.cert}"]


def test_a_listener_without_certificate_leaves_nothing_open(tmp_path: Path) -> None:
    async def test() -> None:
        missing = TlsFiles(cert=tmp_path / "no.pem", key=tmp_path / "no.key")
        secure = Listener(Address("127.0.0.1", 0), missing)
        with pytest.raises(ExceptionGroup) as caught:
            async with serving(echo, LOCAL, secure):
                pytest.fail("it must not open")
        assert caught.group_contains(FileNotFoundError, match="no.pem")
        missing.cert.write_text("no certificate")
        missing.key.write_text("no key")
        with pytest.raises(ExceptionGroup) as caught:
            async with serving(echo, LOCAL, secure):
                pytest.fail("it must not open")
        assert caught.group_contains(OSError, match=r"expected a certificate .*no\.key.*no\.pem")

    run(test)


def _forget_check(server: Server) -> None:
    """Let the next connection look at the files, as it would after a second."""
    for contexts in server.tls_contexts:
        contexts.expire_check()


def _pair(server: Server) -> tuple[str, int]:
    return server.addresses[0].host, server.addresses[0].port
