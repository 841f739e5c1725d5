"""Addresses, binding, and accepting when the process is short of descriptors."""

from __future__ import annotations

import asyncio
import errno
import socket

import pytest

from atoll.http.limits import HttpLimits
from atoll.http.listen import Acceptor, Address, bind_sockets, parse_address, peer_host


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:9000", "127.0.0.1", 9000),
        ("[::]:9000", "::", 9000),
        ("[::1]:0", "::1", 0),
        ("[fe80::1%eth0]:1", "fe80::1%eth0", 1),
        ("*:9000", "", 9000),
        (":9000", "", 9000),
        ("0.0.0.0:9000", "0.0.0.0", 9000),
        (" node-1.example:65535 ", "node-1.example", 65535),
    ],
)
def test_addresses(text: str, host: str, port: int) -> None:
    address = parse_address(text)
    assert address == Address(host, port)
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    "text",
    ["", "9000", "host", "host:", "host:http", "::1:9000", "[x]:1", "a:65536", "a:-1", "a:²"],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="PORT|brackets|IPv6"):
        parse_address(text)


def test_peers_are_shown_without_port_and_mapping() -> None:
    assert peer_host(("192.0.2.1", 5)) == "192.0.2.1"
    assert peer_host(("::ffff:192.0.2.1", 5, 0, 0)) == "192.0.2.1"
    assert peer_host(("fe80::1%3", 5, 0, 3)) == "fe80::1"
    assert peer_host("") == "-"


def test_the_wildcard_takes_both_families() -> None:
    async def test() -> None:
        (listener,) = await bind_sockets([Address("", 0)], 8)
        port = listener.getsockname()[1]
        try:
            for host in ("127.0.0.1", "::1"):
                socket.create_connection((host, port), timeout=2).close()
        finally:
            listener.close()

    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    asyncio.run(test())


def test_a_taken_address_is_named_and_leaves_nothing_bound() -> None:
    async def test() -> None:
        (taken,) = await bind_sockets([Address("127.0.0.1", 0)], 8)
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}"):
            await bind_sockets([Address("127.0.0.1", 0), Address("127.0.0.1", port)], 8)
        taken.close()

    asyncio.run(test())


class ShortOfDescriptors:
    """A listening socket whose process has no descriptor left at first."""

    def __init__(self, listener: socket.socket, failures: list[int]) -> None:
        self._listener = listener
        self.failures = failures

    def accept(self) -> tuple[socket.socket, object]:
        if self.failures:
            raise OSError(self.failures.pop(), "no")
        return self._listener.accept()

    def fileno(self) -> int:
        return self._listener.fileno()

    def close(self) -> None:
        self._listener.close()


@pytest.mark.parametrize("failures", [[errno.EMFILE], [errno.ECONNABORTED, errno.EPROTO]])
def test_accepting_goes_on_after_errors(failures: list[int]) -> None:
    async def test() -> None:
        (listener,) = await bind_sockets([Address("127.0.0.1", 0)], 8)
        port = listener.getsockname()[1]
        accepted: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def on_accept(client: socket.socket, peer: str) -> None:
            client.close()
            accepted.set_result(peer)

        short = ShortOfDescriptors(listener, failures)
        limits = HttpLimits(accept_pause_s=0.01)
        acceptor = Acceptor([short], limits, on_accept)  # type: ignore[list-item]
        acceptor.start()
        client = socket.create_connection(("127.0.0.1", port), timeout=2)
        async with asyncio.timeout(2):
            assert await accepted == "127.0.0.1"
        client.close()
        acceptor.close()
        assert not failures

    asyncio.run(test())
