"""HTTP below the client: every way it can fail is one sentence and one code."""

import socket
import threading

import pytest

from atoll.cli.client import NodeClient
from atoll.cli.exits import CliFailure, ExitCode
from atoll.cli.signing import BotoSigner
from atoll.cli.transport import ANSWER_BYTES_MAX, HttpTransport, Outgoing
from atoll.config.credentials import KeyPair


class OneAnswer:
    """A server that reads one request and answers with fixed bytes; None: never answers."""

    def __init__(self, answer):
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        # A client that fails before it connects must not leave the thread waiting.
        self._listener.settimeout(5)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self.request = b""

    def __enter__(self):
        self._thread.start()
        host, port = self._listener.getsockname()
        return self, f"http://{host}:{port}"

    def _serve(self):
        connection, _ = self._listener.accept()
        with connection:
            self.request = connection.recv(65_536)
            if self._answer is None:
                self._done.wait(5)
            else:
                connection.sendall(self._answer)

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()
        self._listener.close()


def send(url, timeout_s=2.0, ca_file=None):
    transport = HttpTransport(timeout_s=timeout_s, ca_file=ca_file)
    return transport.send(Outgoing(method="GET", url=url + "/x?y=1", headers={"a": "b"}, body=b""))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_an_answer_comes_back():
    with OneAnswer(b"HTTP/1.1 404 no\r\ncontent-length: 2\r\n\r\nhi") as (server, url):
        reply = send(url)
    assert (reply.status, reply.body) == (404, b"hi")
    assert server.request.startswith(b"GET /x?y=1 HTTP/1.1\r\n")


def test_nobody_listens():
    with pytest.raises(CliFailure, match="Connection refused") as caught:
        send(f"http://127.0.0.1:{free_port()}")
    assert caught.value.code is ExitCode.UNREACHABLE


def test_nobody_answers():
    with OneAnswer(None) as (_, url), pytest.raises(CliFailure, match=r"within 0\.05 s") as caught:
        send(url, timeout_s=0.05)
    assert caught.value.code is ExitCode.UNREACHABLE


@pytest.mark.parametrize("answer", [b"SSH-2.0-x\r\n", b""])
def test_another_protocol(answer):
    with OneAnswer(answer) as (_, url), pytest.raises(CliFailure) as caught:
        send(url)
    assert caught.value.code is ExitCode.UNREACHABLE


def test_tls_where_there_is_none():
    with OneAnswer(b"HTTP/1.1 400 no\r\n\r\n") as (_, url), pytest.raises(CliFailure) as caught:
        send(url.replace("http", "https"))
    assert caught.value.code is ExitCode.UNREACHABLE


def test_authorities_that_cannot_be_read():
    with pytest.raises(CliFailure, match="ca_file /nowhere") as caught:
        send("https://127.0.0.1:1", ca_file="/nowhere")
    assert caught.value.code is ExitCode.USAGE


def test_an_answer_without_end_is_cut_off():
    head = b"HTTP/1.1 200 ok\r\ncontent-length: %d\r\n\r\n" % (ANSWER_BYTES_MAX + 5)
    content = head + bytes(ANSWER_BYTES_MAX + 5)
    with OneAnswer(content) as (_, url), pytest.raises(CliFailure, match="more than"):
        send(url)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"HTTP/1.1 200 ok\r\ncontent-length: 2\r\n\r\nhi", ExitCode.FAILED),
        (b"HTTP/1.1 302 go\r\nlocation: /\r\ncontent-length: 0\r\n\r\n", ExitCode.UNREACHABLE),
        (b"HTTP/1.1 502 bad\r\ncontent-length: 2\r\n\r\nhi", ExitCode.UNREACHABLE),
    ],
)
def test_what_is_not_an_atoll_node_is_told(answer, code):
    with OneAnswer(answer) as (server, url):
        client = NodeClient(
            endpoint=url,
            signer=BotoSigner(KeyPair("AKID", "secretsecret"), "us-east-1"),
            transport=HttpTransport(timeout_s=2, ca_file=None),
        )
        with pytest.raises(CliFailure, match="Atoll node") as caught:
            client.status()
    assert caught.value.code is code
    assert b"Credential=AKID/" in server.request
    assert b"secretsecret" not in server.request
