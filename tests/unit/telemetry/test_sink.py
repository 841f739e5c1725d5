"""Lines reach the stream, and a stalled stream stalls nobody."""

from __future__ import annotations

import threading
import time

from atoll.telemetry.sink import LineSink


class GatedStream:
    """A stream that takes nothing until it is opened."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.text = ""
        self.gate = threading.Event()
        self.entered = threading.Event()
        if is_open:
            self.gate.set()

    def write(self, text: str) -> int:
        self.entered.set()
        self.gate.wait(5)
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass


class BrokenStream(GatedStream):
    """A stream whose reader went away."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_closing_writes_what_waits_in_order() -> None:
    stream = GatedStream()
    sink = LineSink(stream)
    for number in range(3000):
        sink.write(f"line {number}")
    sink.close()
    assert stream.text.splitlines() == [f"line {number}" for number in range(3000)]


def test_a_stalled_stream_drops_and_says_so() -> None:
    stream = GatedStream(is_open=False)
    sink = LineSink(stream, lines_max=10, render_drops=lambda count: f"{count} lines dropped")
    sink.write("first")
    assert stream.entered.wait(2)
    for number in range(25):
        sink.write(f"line {number}")
    assert sink.dropped == 15
    stream.gate.set()
    sink.close()
    lines = stream.text.splitlines()
    assert lines[:2] == ["first", "line 0"]
    assert "15 lines dropped" in lines
    assert len(lines) == 12


def test_closing_does_not_wait_for_a_stream_that_never_moves() -> None:
    stream = GatedStream(is_open=False)
    sink = LineSink(stream)
    sink.write("stuck")
    started = time.perf_counter()
    sink.close(timeout_s=0.05)
    assert time.perf_counter() - started < 1
    stream.gate.set()


def test_a_broken_stream_is_given_up() -> None:
    sink = LineSink(BrokenStream())
    sink.write("nobody reads this")
    sink.close()
    sink.write("nor this")
    assert sink.dropped == 1
