"""What a client may rely on: the outcomes of its calls, and what a key may show after a crash.

A ledger belongs to one writer at a time, and a key to one ledger, so the calls on a key have an
order. An
answered call leaves one possible state; a call that was never answered, or answered with 5xx,
leaves
two until a read decides. A read that has decided is binding: the key may not change its mind later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import NamedTuple

from cluster.s3_client import Answer, S3Client, Unanswered

#: The state of a key: the digest of its bytes, or None when it is absent.
State = bytes | None


def state_of(content: bytes | None) -> State:
    """Return the state that a content (None: no object) gives a key."""
    return None if content is None else sha256(content).digest()


def make_content(label: str, size: int) -> bytes:
    """Return `size` bytes that no other label gives; no two blocks of it are equal."""
    made = bytearray()
    count = 0
    while len(made) < size:
        block = sha256(f"{label}/{count}".encode()).digest()
        made += block * min(32, (size - len(made)) // 32 + 1)
        count += 1
    return bytes(made[:size])


class Call(NamedTuple):
    """One call on a key, with the positions of a recording around it; `ended` is None without
    answer."""

    key: str
    state: State
    began: int
    ended: int | None


class Ledger:
    """The history of one writer, folded per key. `position` tells where a recording has come to."""

    def __init__(self, position: Callable[[], int] = lambda: 0) -> None:
        self._position = position
        self.calls: list[Call] = []
        self._sure: dict[str, State] = {}
        self._maybe: dict[str, list[State]] = {}
        self.acknowledged = 0
        self.unknown = 0

    @property
    def keys(self) -> list[str]:
        """Return all keys that were ever written."""
        return sorted(self._sure)

    @property
    def doubtful(self) -> list[str]:
        """Return the keys with an undecided call."""
        return sorted(key for key, states in self._maybe.items() if states)

    def sure(self, key: str) -> State:
        """Return the last decided state of a key."""
        return self._sure.get(key)

    def change(self, key: str, state: State, call: Callable[[], Answer]) -> Answer:
        """Make a call that is to bring the key into `state`, and note its outcome.

        Raises
            Unanswered: after noting the doubt.
        """
        self._sure.setdefault(key, None)
        self._maybe.setdefault(key, []).append(state)
        began = self._position()
        try:
            answer = call()
        except Unanswered:
            self.unknown += 1
            self.calls.append(Call(key, state, began, None))
            raise
        if answer.status < 300 or answer.status >= 500:
            ended = self._position() if answer.status < 300 else None
            self.calls.append(Call(key, state, began, ended))
        if answer.status < 300:
            self._sure[key] = state
            self._maybe[key] = []
            self.acknowledged += 1
        elif answer.status < 500:
            self._maybe[key].pop()
        else:
            self.unknown += 1
        return answer

    def until(self, position: int) -> Ledger:
        """Return what may be relied on when everything ended at a position of the recording."""
        made = Ledger()
        for call in self.calls:
            if call.began > position:
                continue
            made._sure.setdefault(call.key, None)
            if call.ended is not None and call.ended <= position:
                made._sure[call.key] = call.state
                made._maybe[call.key] = []
                made.acknowledged += 1
            else:
                made._maybe.setdefault(call.key, []).append(call.state)
        return made

    def check(self, key: str, found: State) -> None:
        """Compare what a read found; it decides what was in doubt."""
        allowed = [self._sure[key], *self._maybe.get(key, [])]
        assert found in allowed, f"{key}: {_name(found)} is none of {[*map(_name, allowed)]}"
        self._sure[key] = found
        self._maybe[key] = []

    def read_back(self, client: S3Client, keys: list[str] | None = None) -> None:
        """Read keys (all by default) and check each."""
        for key in self.keys if keys is None else keys:
            self.check(key, read_state(client, key))

    def present(self, bucket: str) -> Iterator[str]:
        """Yield the keys of a bucket whose decided state is an object."""
        start = f"/{bucket}/"
        return (
            key.removeprefix(start)
            for key, state in self._sure.items()
            if state is not None and key.startswith(start)
        )


def read_state(client: S3Client, key: str) -> State:
    """Return the state of a key as GET shows it; its length and entity tag must agree."""
    answer = client.get(key)
    if answer.status == 404:
        return None
    assert answer.status == 200, (key, answer, answer.body[:300])
    assert len(answer.body) == int(answer.headers["content-length"]), key
    return state_of(answer.body)


def _name(state: State) -> str:
    return "absent" if state is None else state.hex()[:12]
