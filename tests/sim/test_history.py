"""The checker tells histories that a register can have from those it cannot."""

from __future__ import annotations

import itertools
import random

import pytest

from sim.history import ANY, FOREVER, NotLinearizable, Operation, Token, check_key

KEY = b"k"


def _write(began_s: float, ended_s: float, token: Token, met: Token = ANY) -> Operation:
    return Operation(
        key=KEY, name="write", began_s=began_s, ended_s=ended_s, met=met, writes=True, wrote=token
    )


def _lost(began_s: float, token: Token, met: Token = ANY) -> Operation:
    return Operation(
        key=KEY, name="write", began_s=began_s, met=met, writes=True, wrote=token, is_unknown=True
    )


def _read(began_s: float, ended_s: float, token: Token) -> Operation:
    return Operation(key=KEY, name="read", began_s=began_s, ended_s=ended_s, met=token)


GOOD = {
    "nothing": [],
    "read of nothing": [_read(0, 1, None)],
    "read after write": [_write(0, 1, b"a"), _read(2, 3, b"a")],
    "read beside write, old": [_write(0, 3, b"a"), _read(1, 2, None)],
    "read beside write, new": [_write(0, 3, b"a"), _read(1, 2, b"a")],
    "unknown never applied": [_lost(0, b"a"), _read(1, 2, None), _read(3, 4, None)],
    "unknown applied late": [_lost(0, b"a"), _read(1, 2, None), _read(3, 4, b"a")],
    "unknown delete": [_write(0, 1, b"a"), _lost(2, None), _read(3, 4, b"a"), _read(5, 6, None)],
    "two writes beside": [_write(0, 5, b"a"), _write(0, 5, b"b"), _read(6, 7, b"a")],
    "delete": [_write(0, 1, b"a"), _write(2, 3, None, b"a"), _read(4, 5, None)],
}

BAD = {
    "lost write": [_write(0, 1, b"a"), _read(2, 3, None)],
    "stale read": [_write(0, 1, b"a"), _write(2, 3, b"b"), _read(4, 5, b"a")],
    "new then old": [_write(0, 9, b"a"), _read(1, 2, b"a"), _read(3, 4, None)],
    "from nowhere": [_read(0, 1, b"a")],
    "read before write began": [_read(0, 1, b"a"), _write(2, 3, b"a")],
    "resurrected": [_write(0, 1, b"a"), _write(2, 3, None, b"a"), _read(4, 5, b"a")],
    "applied twice": [
        _lost(0, b"a"),
        _read(1, 2, b"a"),
        _write(3, 4, None, b"a"),
        _read(5, 6, b"a"),
    ],
    "two winners": [_write(0, 1, b"a", None), _write(0, 1, b"b", None)],
    "lost update": [
        _write(0, 1, b"a", None),
        _write(2, 5, b"b", b"a"),
        _write(2, 5, b"c", b"a"),
    ],
    "unknown flickers": [_lost(0, b"a"), _read(1, 2, b"a"), _read(3, 4, None), _read(5, 6, b"a")],
}


@pytest.mark.parametrize("name", GOOD)
def test_what_a_register_can_do_is_accepted(name: str) -> None:
    check_key(KEY, GOOD[name])


@pytest.mark.parametrize("name", BAD)
def test_what_no_register_does_is_caught(name: str) -> None:
    with pytest.raises(NotLinearizable):
        check_key(KEY, BAD[name])


def _explains(order: tuple[Operation, ...]) -> bool:
    token: Token = None
    for later, earlier in itertools.combinations(reversed(order), 2):
        if later.ended_s < earlier.began_s:
            return False
    for op in order:
        if not op.allows(token):
            return False
        token = op.next_token(token)
    return True


def _by_force(operations: list[Operation]) -> bool:
    sure = [op for op in operations if not op.is_unknown]
    maybe = [op for op in operations if op.is_unknown]
    return any(
        _explains(order)
        for size in range(len(maybe) + 1)
        for some in itertools.combinations(maybe, size)
        for order in itertools.permutations([*sure, *some])
    )


def _random_operations(rng: random.Random) -> list[Operation]:
    operations = []
    for number in range(rng.randint(1, 5)):
        began_s = rng.uniform(0, 4)
        ended_s = began_s + rng.uniform(0, 3)
        token = rng.choice([None, b"0", b"1", b"2"])
        if rng.random() < 0.5:
            operations.append(_read(began_s, ended_s, token))
            continue
        met = rng.choice([ANY, ANY, None, b"0", b"1"])
        is_unknown = rng.random() < 0.4
        operations.append(
            Operation(
                key=KEY,
                name=str(number),
                began_s=began_s,
                ended_s=FOREVER if is_unknown else ended_s,
                met=met,
                writes=True,
                wrote=rng.choice([None, str(number).encode()]),
                is_unknown=is_unknown,
            )
        )
    return operations


def test_the_search_agrees_with_trying_all_orders() -> None:
    verdicts = []
    for seed in range(400):
        operations = _random_operations(random.Random(seed))
        expected = _by_force(operations)
        try:
            check_key(KEY, operations)
        except NotLinearizable:
            found = False
        else:
            found = True
        assert found == expected, operations
        verdicts.append(expected)
    assert 40 < sum(verdicts) < 360
