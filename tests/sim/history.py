"""What clients did and saw, and whether one register per key can explain it.

Model     a register holds a token (None: no live value). Every operation that returned says which
          token it met; one whose outcome is unknown may take effect at any time after it began, or
          never. A scan is a read of every key of its range.
Checker   depth-first search over the orders that real time allows, with a memo of (operations
          done, token): Wing and Gong 1993, Lowe 2017. Keys are checked one by one: linearizability
          is local (Herlihy and Wing 1990).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import msgspec

Token = bytes | None
FOREVER: Final = float("inf")
#: Met token of an operation that does not say what it met.
ANY: Final = b"*"


class Operation(msgspec.Struct, kw_only=True):
    """One operation on one key.

    `met` is the token it saw (ANY: it does not say), `wrote` what it left if `writes`. `expects`
    bounds when a write with unknown outcome may take effect.
    """

    key: bytes
    name: str
    began_s: float
    ended_s: float = FOREVER
    met: Token = ANY
    writes: bool = False
    wrote: Token = None
    is_unknown: bool = False

    def next_token(self, token: Token) -> Token:
        """Return the token the operation leaves."""
        return self.wrote if self.writes else token

    def allows(self, token: Token) -> bool:
        """Return whether the operation can take effect on `token`."""
        return self.met == ANY or self.met == token


class NotLinearizable(AssertionError):
    """No order of the operations on a key explains what was seen."""

    def __init__(self, key: bytes, operations: list[Operation]) -> None:
        lines = [
            f"  {op.began_s:10.4f} … {op.ended_s:10.4f} {op.name:12} met {op.met!r}"
            + (f" wrote {op.wrote!r}" if op.writes else "")
            + (" (unknown)" if op.is_unknown else "")
            for op in operations
        ]
        super().__init__(f"key {key!r} is not linearizable:\n" + "\n".join(lines))
        self.key = key


class History:
    """All operations of a run."""

    def __init__(self) -> None:
        self.operations: dict[bytes, list[Operation]] = defaultdict(list)
        self.counts: dict[str, int] = defaultdict(int)

    def add(self, operation: Operation) -> None:
        """Record an operation that took effect, or may have."""
        self.operations[operation.key].append(operation)

    def check(self) -> None:
        """Check every key.

        Raises
            NotLinearizable: with the history of the first bad key.
        """
        for key, operations in sorted(self.operations.items()):
            check_key(key, operations)


def check_key(key: bytes, operations: Iterable[Operation]) -> None:
    """Check the operations of one key.

    Raises
        NotLinearizable: they have no explanation.
    """
    ordered = _without_invisible(sorted(operations, key=lambda op: (op.began_s, op.ended_s)))
    if not _search(ordered):
        raise NotLinearizable(key, ordered)


def _without_invisible(operations: list[Operation]) -> list[Operation]:
    """Leave out unknown writes whose token nobody met: leaving them out explains as much."""
    met = {op.met for op in operations}
    return [
        op
        for op in operations
        if not (op.is_unknown and op.writes and op.wrote is not None and op.wrote not in met)
    ]


def _search(operations: list[Operation]) -> bool:
    """Return whether some order explains all operations that ended.

    The state is (bits of the operations done, token). Of the operations that are not done, only
    those that began before the first end among the others can be next.
    """
    count = len(operations)
    must = sum(1 << index for index, op in enumerate(operations) if not op.is_unknown)
    seen: set[tuple[int, Token]] = set()
    stack: list[tuple[int, Token]] = [(0, None)]
    while stack:
        done, token = state = stack.pop()
        if done & must == must:
            return True
        if state in seen:
            continue
        seen.add(state)
        first_end = FOREVER
        candidates: list[int] = []
        # They are in order of their begin: the walk ends at the first that began too late.
        for index in range(_first_undone(done), count):
            if done >> index & 1:
                continue
            op = operations[index]
            if op.began_s > first_end:
                break
            candidates.append(index)
            first_end = min(first_end, op.ended_s)
        for index in reversed(candidates):
            op = operations[index]
            if op.began_s <= first_end and op.allows(token):
                stack.append((done | 1 << index, op.next_token(token)))
    return False


def _first_undone(done: int) -> int:
    return ((done + 1) & ~done).bit_length() - 1
