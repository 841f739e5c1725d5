"""Scenarios 24 to 30: many clients, one key or one bucket, and a history that has one order."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import md5
from typing import TypeVar

import pytest

from cluster.harness.history import make_content
from cluster.node_process import NodeProcess
from cluster.s3_client import Answer, S3Client

pytestmark = [pytest.mark.process, pytest.mark.slow]

_T = TypeVar("_T")

#: What AWS documents for writers that lose a race; both ask the client to look again.
_LOST = {409, 412}


def _together(node: NodeProcess, calls: Sequence[Callable[[S3Client], _T]]) -> list[_T]:
    """Make all calls at once, each with a client of its own."""
    gate = threading.Barrier(len(calls))

    def run(call: Callable[[S3Client], _T]) -> _T:
        with S3Client(node) as client:
            gate.wait(30.0)
            return call(client)

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_s24_of_100_conditional_creations_exactly_one_wins(
    node: NodeProcess, client: S3Client
) -> None:
    def create(number: int) -> Callable[[S3Client], Answer]:
        return lambda one: one.put("/box/once", f"{number}".encode(), if_none_match="*")

    answers = _together(node, [create(number) for number in range(100)])
    won = [number for number, answer in enumerate(answers) if answer.status == 200]
    assert len(won) == 1, Counter(answer.status for answer in answers)
    assert {answer.status for answer in answers} <= {200, *_LOST}
    assert client.get("/box/once").body == f"{won[0]}".encode()
    assert client.put("/box/once", b"late", if_none_match="*").status == 412


def test_s25_a_counter_of_16_clients_loses_no_update(node: NodeProcess, client: S3Client) -> None:
    assert client.put("/box/counter", b"0").status == 200
    rounds = 5

    def add(one: S3Client) -> int:
        lost = 0
        for _ in range(rounds):
            while True:
                found = one.get("/box/counter")
                target = str(int(found.body) + 1).encode()
                answer = one.put("/box/counter", target, if_match=found.etag)
                if answer.status == 200:
                    break
                assert answer.status in _LOST, answer.body
                lost += 1
        return lost

    lost = _together(node, [add] * 16)
    assert client.get("/box/counter").body == str(16 * rounds).encode()
    assert sum(lost) > 0, "nobody ever met anybody"


def test_s26_a_reader_sees_one_version_while_others_overwrite(
    node: NodeProcess, client: S3Client
) -> None:
    sizes = (4096, 100_000, 3_000_000)
    contents = {
        f'"{md5(content).hexdigest()}"': content
        for content in (make_content(f"v{n}", sizes[n % 3]) for n in range(6))
    }
    bodies = list(contents.values())
    assert client.put("/box/k", bodies[0]).status == 200
    done = threading.Event()

    def write(one: S3Client) -> int:
        try:
            for turn in range(30):
                assert one.put("/box/k", bodies[turn % len(bodies)]).status == 200
        finally:
            done.set()
        return 30

    def read(one: S3Client) -> int:
        seen = 0
        while not done.is_set():
            found = one.get("/box/k")
            assert found.status == 200, found.body
            assert contents[found.etag] == found.body
            # A range pinned by the entity tag is of that version, or refused.
            part = one.get("/box/k", range="bytes=100-299", if_match=found.etag)
            assert part.status in (206, 412), part.body
            if part.status == 206:
                assert part.body == found.body[100:300]
            seen += 1
        return seen

    counts = _together(node, [write, read, read, read])
    assert min(counts[1:]) > 2


def test_s26_a_slow_reader_keeps_its_version_to_the_last_byte(
    node: NodeProcess, client: S3Client
) -> None:
    content = make_content("pinned", 8_000_000)
    assert client.put("/box/k", content).status == 200
    with client.open("GET", "/box/k", {}) as sent:
        received = sent.recv(1000)
        for turn in range(3):
            assert client.put("/box/k", make_content(f"{turn}", 3_000_000)).status == 200
        assert client.delete("/box/k").status == 204
        head, _, body = received.partition(b"\r\n\r\n")
        assert b" 200 " in head.splitlines()[0]
        while len(body) < len(content):
            chunk = sent.recv(1 << 20)
            assert chunk, "the answer ended early"
            body += chunk
    assert body == content


@pytest.mark.parametrize("turn", range(4))
def test_s27_complete_and_abort_race_to_one_outcome(
    node: NodeProcess, client: S3Client, turn: int
) -> None:
    content = make_content(f"part{turn}", 70_000)
    upload = client.create_upload("/box/k")
    tag = client.put_part("/box/k", upload, 1, content).etag

    def complete(one: S3Client) -> Answer:
        return one.complete("/box/k", upload, [tag])

    def abort(one: S3Client) -> Answer:
        return one.call("DELETE", "/box/k", query={"uploadId": upload})

    *completes, aborted = _together(node, [complete, complete, complete, abort])
    statuses = [answer.status for answer in completes]
    found = client.get("/box/k")
    if 200 in statuses:
        assert found.body == content
        tags = {answer.find("ETag")[0] for answer in completes if answer.status == 200}
        assert tags == {found.etag}
        # Whoever asks again gets the same answer, and the abort can no longer take it away.
        again = client.complete("/box/k", upload, [tag])
        assert (again.status, again.find("ETag")) == (200, [found.etag])
        assert client.get("/box/k").body == content
    else:
        assert aborted.status == 204
        assert found.status == 404
        assert client.complete("/box/k", upload, [tag]).code == "NoSuchUpload"
    listed = client.call("GET", "/box", query={"uploads": ""})
    assert listed.find("Upload/UploadId") == []


def test_s27_parts_uploaded_again_during_completion_give_one_consistent_object(
    node: NodeProcess, client: S3Client
) -> None:
    contents = {}
    upload = client.create_upload("/box/k")
    last = make_content("last", 1000)
    last_tag = client.put_part("/box/k", upload, 2, last).etag
    for number in range(4):
        content = make_content(f"first{number}", 5 << 20)
        contents[f'"{md5(content).hexdigest()}"'] = content
    first_tag = client.put_part("/box/k", upload, 1, next(iter(contents.values()))).etag

    def put(content: bytes) -> Callable[[S3Client], Answer]:
        return lambda one: one.put_part("/box/k", upload, 1, content)

    def complete(one: S3Client) -> Answer:
        answer = one.complete("/box/k", upload, [first_tag, last_tag])
        # A part that was replaced is refused by its tag; its tags are listed anew.
        for _ in range(10):
            if answer.status == 200:
                break
            assert answer.code == "InvalidPart", answer.body
            listed = one.call("GET", "/box/k", query={"uploadId": upload}).find("Part/ETag")
            answer = one.complete("/box/k", upload, listed)
        return answer

    *_, completed = _together(node, [*map(put, list(contents.values())[1:]), complete])
    assert completed.status == 200, completed.body
    found = client.get("/box/k")
    first, rest = found.body[: 5 << 20], found.body[5 << 20 :]
    assert rest == last
    assert first in contents.values()
    tags = md5(md5(first).digest() + md5(last).digest()).hexdigest()
    assert found.etag == f'"{tags}-2"'


def test_s28_a_listing_shows_what_was_there_before_it_began_and_nothing_twice(
    node: NodeProcess, client: S3Client
) -> None:
    steady = {f"k{number:03}" for number in range(0, 300, 2)}
    for key in sorted(steady):
        assert client.put(f"/box/{key}", key.encode()).status == 200
    acknowledged: set[str] = set()
    done = threading.Event()

    def write(one: S3Client) -> int:
        for number in range(1, 300, 2):
            if done.is_set():
                break
            assert one.put(f"/box/k{number:03}", b"new").status == 200
            acknowledged.add(f"k{number:03}")
            # Overwritten and deleted keys come and go under the listing.
            assert one.put(f"/box/k{number - 1:03}", b"again").status == 200
            assert one.put(f"/box/t{number}", b"brief").status == 200
            assert one.delete(f"/box/t{number}").status == 204
        return 0

    def read(one: S3Client) -> int:
        try:
            for page in (7, 20, 90, 13):
                before = steady | acknowledged
                keys = list(one.list_keys("box", page=page))
                assert len(keys) == len(set(keys)), "a key came twice"
                assert keys == sorted(keys)
                missing = before - set(keys)
                assert not missing
        finally:
            done.set()
        return 0

    _together(node, [write, read])
    assert acknowledged


def test_s29_delete_and_create_of_a_bucket_race_without_orphans(
    node: NodeProcess, client: S3Client
) -> None:
    def cycle(one: S3Client) -> Counter[str]:
        seen: Counter[str] = Counter()
        for turn in range(6):
            seen[f"create {one.put('/race', b'').status}"] += 1
            seen[f"put {one.put(f'/race/k{turn % 2}', b'x').status}"] += 1
            seen[f"delete key {one.delete(f'/race/k{turn % 2}').status}"] += 1
            seen[f"delete {one.delete('/race').status}"] += 1
        return seen

    total: Counter[str] = Counter()
    for seen in _together(node, [cycle] * 4):
        total += seen
    allowed = {"create": {200, 409}, "put": {200, 404, 409, 503}, "delete": {204, 404, 409, 503}}
    for line in total:
        verb, status = line.split()[0], int(line.split()[-1])
        assert status in allowed[verb], total
    # Whatever is left, a bucket made anew shows nothing of the earlier ones.
    if client.head("/race").status == 200:
        for key in list(client.list_keys("race")):
            assert client.delete(f"/race/{key}").status == 204
        assert client.delete("/race").status == 204
    assert client.put("/race", b"").status == 200
    assert list(client.list_keys("race")) == []
    assert client.get("/race/k0").status == 404


def test_s29_a_bucket_goes_only_when_no_acknowledged_object_is_in_it(
    node: NodeProcess, client: S3Client
) -> None:
    for turn in range(6):
        assert client.put("/race", b"").status == 200

        def put(one: S3Client, turn: int = turn) -> Answer:
            return one.put(f"/race/k{turn}", b"content")

        put_answer, deleted = _together(node, [put, lambda one: one.delete("/race")])
        if put_answer.status == 200:
            assert deleted.status in (409, 503), (put_answer, deleted)
            assert client.get(f"/race/k{turn}").body == b"content"
            assert client.delete(f"/race/k{turn}").status == 204
            assert client.delete("/race").status == 204
        else:
            assert put_answer.status in (404, 503), put_answer.body
            assert client.delete("/race").status in (204, 404)
