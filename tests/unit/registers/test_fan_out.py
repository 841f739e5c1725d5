"""A round always ends: decided, at its deadline, or when nobody is left who could answer."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from atoll.base.errors import DriveIo
from atoll.core.quorum.fold import Outcome
from atoll.registers.fan_out import Round
from fakes.virtual_loop import run_virtual


async def _answer(after_s: float, failure: Exception | None = None) -> int:
    await asyncio.sleep(after_s)
    if failure is not None:
        raise failure
    return 1


def _round(*answers: tuple[float, Exception | None], needed: int) -> Round[int]:
    starts = [partial(_answer, after_s, failure) for after_s, failure in answers]
    return Round(starts, needed=needed, is_ok=lambda _: True)


@pytest.mark.parametrize(
    ("answers", "outcome", "took_s"),
    [
        ([(1.0, None), (2.0, None), (99.0, None)], Outcome.REACHED, 2.0),
        ([(1.0, DriveIo(errno=5)), (2.0, DriveIo(errno=5)), (99.0, None)], Outcome.LOST, 2.0),
        ([(1.0, None), (99.0, None), (99.0, None)], Outcome.LOST, 5.0),
    ],
)
def test_a_round_ends_when_it_is_decided_or_late(
    answers: list[tuple[float, Exception | None]], outcome: Outcome, took_s: float
) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        round_ = _round(*answers, needed=2)
        assert await round_.run(first=3, deadline_s=5.0) is outcome
        assert loop.time() - began_s == pytest.approx(took_s)

    run_virtual(main())


def test_a_call_that_breaks_without_an_answer_is_told_and_ends_the_round() -> None:
    async def main() -> None:
        told: list[BaseException] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
        round_ = _round((1.0, None), (2.0, ZeroDivisionError()), needed=2)
        assert await round_.run(first=2, deadline_s=5.0) is Outcome.LOST
        assert [type(exc) for exc in told] == [ZeroDivisionError]

    run_virtual(main())
