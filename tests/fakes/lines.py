"""A LineSink that keeps its lines."""

from __future__ import annotations

from atoll.telemetry.sink import LineSink


class ListSink(LineSink):
    """Lines in a list, at once and without a thread."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.dropped = 0

    def write(self, line: str) -> None:
        self.lines.append(line)

    def close(self, timeout_s: float = 2.0) -> None:
        pass
