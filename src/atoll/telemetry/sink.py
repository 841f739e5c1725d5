"""Lines to a stream without waiting for it: a bounded queue and one writing thread.

Owns      the thread that writes log lines, and what happens when the reader of the stream stalls.
Does not  format (logs, access).
Invariant `write` never blocks and never raises; at most `lines_max` lines wait, later ones are
          dropped and counted, and the count is written as a line of its own once there is room.
Tasks     any thread writes; one daemon thread drains. It sleeps while there is nothing to write
          and gathers lines for a moment before it writes, so a burst costs one system call.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

#: Gathering time; also how long a line may be delayed.
_GATHER_S: Final = 0.05
_LINES_PER_WRITE: Final = 1024


class Stream(Protocol):
    """The part of a text file that is needed."""

    def write(self, text: str, /) -> int:
        """Write text."""
        ...

    def flush(self) -> None:
        """Push it out."""
        ...


class LineSink:
    """A queue of lines in front of a stream. `close` it to write what waits."""

    def __init__(
        self, stream: Stream, *, lines_max: int = 16_384, render_drops: Callable[[int], str] = str
    ) -> None:
        self._stream = stream
        self._lines_max = lines_max
        self._render_drops = render_drops
        self._lines: deque[str] = deque()
        self._wanted = threading.Event()
        self._closing = threading.Event()
        self._reported = 0
        #: Lines lost to a full queue since the start.
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        """Queue one line, without its line end."""
        if len(self._lines) >= self._lines_max:
            self.dropped += 1
            return
        self._lines.append(line)
        if not self._wanted.is_set():
            self._wanted.set()

    def close(self, timeout_s: float = 2.0) -> None:
        """Write what waits, for at most `timeout_s`; a stream that never takes it is left alone."""
        self._closing.set()
        self._wanted.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._closing.wait(_GATHER_S)
            # Cleared before the queue is read: a line that comes later sets it again.
            self._wanted.clear()
            is_closing = self._closing.is_set()
            if not self._drain() or is_closing:
                return

    def _drain(self) -> bool:
        """Write all lines; return False when the stream is gone."""
        lines = self._lines
        while lines or self.dropped > self._reported:
            batch = [lines.popleft() for _ in range(min(len(lines), _LINES_PER_WRITE))]
            dropped = self.dropped
            if dropped > self._reported:
                batch.append(self._render_drops(dropped - self._reported))
                self._reported = dropped
            try:
                self._stream.write("\n".join(batch) + "\n")
                self._stream.flush()
            except (OSError, ValueError):
                # Nobody reads; there is nowhere left to say so.
                self._lines_max = 0
                lines.clear()
                return False
        return True
