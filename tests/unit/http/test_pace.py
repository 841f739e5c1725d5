"""Which clients are too slow."""

from __future__ import annotations

from atoll.http.limits import HttpLimits
from atoll.http.pace import SendPace, TakePace

LIMITS = HttpLimits(
    body_idle_s=10.0, rate_grace_s=60.0, body_bytes_per_s_min=100, write_bytes_per_s_min=100
)


def test_silence_is_judged_before_the_rate() -> None:
    pace = SendPace(LIMITS)
    assert not pace.is_too_slow(9.0, received_bytes=0)
    assert not pace.is_too_slow(1.0, received_bytes=1)
    assert not pace.is_too_slow(9.0, received_bytes=1)
    assert pace.is_too_slow(1.0, received_bytes=1)


def test_a_dripping_body_is_given_up_after_the_grace_and_a_steady_one_is_not() -> None:
    for rate, is_given_up in ((99, True), (100, False)):
        pace = SendPace(LIMITS)
        verdicts = [pace.is_too_slow(1.0, received_bytes=rate * second) for second in range(1, 200)]
        assert not any(verdicts[:58])
        assert any(verdicts) is is_given_up


def test_a_reader_is_judged_over_each_window_and_starts_anew() -> None:
    pace = TakePace(LIMITS)
    steady = [pace.is_too_slow(1.0, taken_bytes=200 * second) for second in range(180)]
    assert not any(steady)
    pace.restart()
    stalled = [pace.is_too_slow(1.0, taken_bytes=36_000) for _ in range(60)]
    assert stalled == [False] * 59 + [True]


def test_catching_up_restarts_the_window() -> None:
    pace = TakePace(LIMITS)
    for _ in range(10):
        assert not any(pace.is_too_slow(1.0, taken_bytes=0) for _ in range(59))
        pace.restart()
