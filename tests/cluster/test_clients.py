"""Scenarios 32 and 33: clients that are slow, go away, or never learn what became of their call."""

from __future__ import annotations

import socket
import time

import pytest

from cluster.harness.history import make_content
from cluster.node_process import NodeProcess, wait_until
from cluster.s3_client import S3Client

pytestmark = [pytest.mark.process, pytest.mark.slow]

_ABORTED = 400
_SLOW = 40
#: Memory that one slow client may hold: stripes read ahead, or received and not yet written.
_BYTES_EACH = 6 << 20
#: Less than the time after which slow clients are given up: others do not wait for that.
_SERVED_S = 15.0


def _begin_put(client: S3Client, key: str, size: int) -> socket.socket:
    return client.open("PUT", key, {"Content-Length": str(size)})


def _staged(node: NodeProcess) -> list[str]:
    return [str(path) for drive in node.drives for path in drive.glob("staging/*")]


def test_s32_aborted_uploads_leave_no_memory_no_files_and_no_objects(
    node: NodeProcess, client: S3Client
) -> None:
    body = bytes(1_500_000)
    files = node.descriptors()

    def abort_many(name: str) -> int:
        for number in range(_ABORTED):
            with _begin_put(client, f"/box/{name}{number}", len(body)) as sent:
                sent.sendall(body[: (100, 70_000, 1_200_000)[number % 3]])
        wait_until(lambda: not _staged(node), 30.0)
        wait_until(lambda: node.descriptors() <= files + 8, 20.0)
        return node.rss_bytes()

    # The allocator keeps what the first crowd needed; the next crowds use it again.
    first = abort_many("first")
    abort_many("second")
    assert abort_many("third") < first + (48 << 20)
    assert list(client.list_keys("box")) == []
    assert not [path for drive in node.drives for path in drive.glob("shards/*/*")]


def test_s32_clients_at_one_byte_per_second_cost_little_and_stop_nobody(
    node: NodeProcess, client: S3Client
) -> None:
    assert client.put("/box/large", make_content("large", 8_000_000)).status == 200
    before = node.rss_bytes()
    slow = [_begin_put(client, f"/box/slow{number}", 3_000_000) for number in range(_SLOW)]
    # As many readers that take one byte now and then of an answer that fills every buffer.
    slow += [client.open("GET", "/box/large", {}) for _ in range(_SLOW)]
    try:
        for _ in range(3):
            for sent in slow[:_SLOW]:
                sent.sendall(b"x")
            for sent in slow[_SLOW:]:
                sent.recv(1)
            began = time.monotonic()
            assert client.put("/box/quick", b"served beside them").status == 200
            assert client.get("/box/quick").status == 200
            assert time.monotonic() - began < _SERVED_S
            time.sleep(1.0)
        assert node.rss_bytes() - before < 2 * _SLOW * _BYTES_EACH
    finally:
        for sent in slow:
            sent.close()
    wait_until(lambda: not _staged(node), 20.0)
    assert sorted(client.list_keys("box")) == ["large", "quick"]


@pytest.mark.parametrize("size", [4096, 100_000, 2_000_000])
def test_s33_a_client_that_left_before_the_answer_can_tell_by_head_and_retry(
    node: NodeProcess, client: S3Client, size: int
) -> None:
    for number in range(8):
        key, content = f"/box/k{number}", make_content(f"{size}/{number}", size)
        with _begin_put(client, key, size) as sent:
            sent.sendall(content)
            if number % 2:
                # Reset instead of a close in order: the node may meet it anywhere.
                sent.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        found = client.head(key)
        assert found.status in (200, 404), found
        if found.status == 200:
            assert int(found.headers["content-length"]) == size
            assert client.get(key).body == content
        # The same again, whatever happened: one object with these bytes.
        retried = client.put(key, content)
        assert retried.status == 200
        assert client.get(key).body == content
        assert client.head(key).etag == retried.etag
    assert sorted(client.list_keys("box")) == sorted(f"k{number}" for number in range(8))


def test_s33_a_completion_whose_answer_was_lost_is_repeated(
    node: NodeProcess, client: S3Client
) -> None:
    content = make_content("part", 300_000)
    for turn in range(4):
        key = f"/box/upload{turn}"
        upload = client.create_upload(key)
        tag = client.put_part(key, upload, 1, content).etag
        body = f"<Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part>"
        body = f"<CompleteMultipartUpload>{body}</CompleteMultipartUpload>"
        with client.open(
            "POST", key, {"Content-Length": str(len(body))}, query={"uploadId": upload}
        ) as sent:
            sent.sendall(body.encode())
        assert client.complete(key, upload, [tag]).status == 200
        assert client.get(key).body == content
