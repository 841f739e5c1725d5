"""An asyncio event loop in virtual time: a wait for the next timer costs nothing and is exact.

Owns      the clock of a simulated run: `loop.time()` moves only when nothing is left to do at
          the present instant, and then to the next timer.
Deadlock  nothing to do and no timer: raises `NothingScheduled` instead of waiting for ever.
Threads   none: a callback from another thread would make a run depend on the machine.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

#: Where virtual time starts: not 0, so that a clock that was forgotten is seen.
START_S = 1000.0


class NothingScheduled(AssertionError):
    """Every task waits for something that nobody will do."""


class _TimeSelector(selectors.BaseSelector):
    """Never waits: hands the time that asyncio wants to sleep to the clock."""

    def __init__(self) -> None:
        self._keys: dict[int, selectors.SelectorKey] = {}
        self.advance: Callable[[float], None] = lambda seconds: None

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        descriptor = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        key = selectors.SelectorKey(fileobj, descriptor, events, data)
        self._keys[descriptor] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        descriptor = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        return self._keys.pop(descriptor)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise NothingScheduled("no callback is ready and no timer is set")
        if timeout > 0:
            self.advance(timeout)
        return []

    def get_map(self) -> dict[int, selectors.SelectorKey]:
        return self._keys


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time is its own."""

    def __init__(self) -> None:
        selector = _TimeSelector()
        self._now_s = START_S
        super().__init__(selector)
        selector.advance = self._advance

    def _advance(self, seconds: float) -> None:
        self._now_s += seconds

    def time(self) -> float:
        """Return virtual seconds."""
        return self._now_s

    def call_soon_threadsafe(self, *args: Any, **kwargs: Any) -> asyncio.Handle:
        """Refuse: a simulated run has one thread."""
        raise AssertionError("a thread called into virtual time")


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(main)
    finally:
        try:
            _cancel_all(loop)
        finally:
            loop.close()


def _cancel_all(loop: VirtualLoop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    for _ in range(100):
        if all(task.done() for task in tasks):
            break
        loop.run_until_complete(asyncio.sleep(0))
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()
