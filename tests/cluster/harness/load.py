"""Writers that load a node with every kind of call until it dies or they are told to stop."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cluster.harness.history import Ledger, make_content, state_of
from cluster.node_process import NodeProcess
from cluster.s3_client import Answer, S3Client, Unanswered

#: One size for each way bytes are kept (inline, packed, files) and one at each border.
SIZES = (0, 1, 4096, 16 * 1024, 16 * 1024 + 1, 100_000, 1 << 20, (1 << 20) + 1, 2_500_000)
_WEIGHTS = (1, 1, 6, 1, 1, 4, 1, 1, 2)
_KEYS = 12


class Writer:
    """One thread's calls on keys of its own in one bucket."""

    def __init__(
        self,
        node: NodeProcess,
        bucket: str,
        name: str,
        seed: int,
        position: Callable[[], int] = lambda: 0,
    ) -> None:
        self.ledger = Ledger(position)
        self._node = node
        self._home = f"/{bucket}/{name}"
        self._random = random.Random(seed)
        self._contents: dict[str, bytes] = {}
        self._count = 0
        self.refused: list[Answer] = []

    def run(self, stop: threading.Event) -> None:
        """Call until the node does not answer or `stop` is set."""
        client = S3Client(self._node)
        steps = [self._put, self._put, self._put, self._delete, self._copy, self._multipart]
        try:
            while not stop.is_set():
                step = self._random.choice(steps)
                answer = step(client, self._key())
                if answer.status >= 300 and answer.status != 404:
                    self.refused.append(answer)
        except Unanswered:
            pass
        finally:
            client.close()

    def _key(self) -> str:
        return f"{self._home}/{self._random.randrange(_KEYS)}"

    def _make(self, key: str) -> bytes:
        self._count += 1
        size = self._random.choices(SIZES, _WEIGHTS)[0]
        return make_content(f"{key}#{self._count}", size)

    def _note(self, key: str, content: bytes | None, call: Callable[[], Answer]) -> Answer:
        answer = self.ledger.change(key, state_of(content), call)
        if answer.status < 300:
            if content is None:
                self._contents.pop(key, None)
            else:
                self._contents[key] = content
        return answer

    def _put(self, client: S3Client, key: str) -> Answer:
        content = self._make(key)
        return self._note(key, content, lambda: client.put(key, content))

    def _delete(self, client: S3Client, key: str) -> Answer:
        return self._note(key, None, lambda: client.delete(key))

    def _copy(self, client: S3Client, key: str) -> Answer:
        source = self._random.choice([*self._contents, key])
        # After a crash the noted content may be older than what the source shows.
        content = self._contents.get(source)
        if content is None or source == key or self.ledger.sure(source) != state_of(content):
            return self._put(client, key)
        return self._note(key, content, lambda: client.copy(source, key))

    def _multipart(self, client: S3Client, key: str) -> Answer:
        content = self._make(key) or b"a part"
        upload = client.create_upload(key)
        part = client.put_part(key, upload, 1, content)
        if part.status != 200:
            return part
        return self._note(key, content, lambda: client.complete(key, upload, [part.etag]))


@contextmanager
def running(writers: list[Writer], stop: threading.Event) -> Iterator[None]:
    """Run the writers, each in a thread, while the body runs; stop and join them behind it."""
    threads = [threading.Thread(target=writer.run, args=(stop,)) for writer in writers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(60.0)
            assert not thread.is_alive()
