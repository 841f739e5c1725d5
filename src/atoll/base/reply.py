"""A reply: the answer to a call that began, without a round through the event loop.

Like a future it is done once, carries a result or an exception, and can be awaited. Unlike a
future its callbacks run at once, in the stack of whoever sets it: four drives of one process
answer one request thousands of times a second, and the loop's scheduling would cost more than the
answers. Callbacks must therefore be short and must not raise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Reply(Generic[T]):
    """The answer to one call. Belongs to the event loop's thread."""

    __slots__ = ("_callbacks", "_exception", "_is_done", "_result")

    def __init__(self) -> None:
        self._is_done = False
        self._result: T | None = None
        self._exception: BaseException | None = None
        self._callbacks: list[Callable[[Reply[T]], object]] | None = None

    def done(self) -> bool:
        """Return whether the answer is there."""
        return self._is_done

    def cancelled(self) -> bool:
        """Return False: a call that began cannot be called back."""
        return False

    def result(self) -> T:
        """Return the answer, or raise what was answered."""
        assert self._is_done, "the reply is not there yet"
        if self._exception is not None:
            raise self._exception
        return self._result  # type: ignore[return-value]

    def exception(self) -> BaseException | None:
        """Return the exception answered, if any."""
        assert self._is_done, "the reply is not there yet"
        return self._exception

    def set_result(self, result: T) -> None:
        """Answer. Once."""
        assert not self._is_done, "answered twice"
        self._result = result
        self._finish()

    def set_exception(self, exception: BaseException) -> None:
        """Answer with an exception. Once."""
        assert not self._is_done, "answered twice"
        self._exception = exception
        self._finish()

    def _finish(self) -> None:
        self._is_done = True
        callbacks = self._callbacks
        if callbacks is not None:
            self._callbacks = None
            for callback in callbacks:
                callback(self)

    def add_done_callback(self, callback: Callable[[Reply[T]], object]) -> None:
        """Call `callback` with this reply when it is done; at once if it is."""
        if self._is_done:
            callback(self)
        elif self._callbacks is None:
            self._callbacks = [callback]
        else:
            self._callbacks.append(callback)

    def __await__(self) -> Generator[Any, None, T]:
        if not self._is_done:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()

            def wake(_: Reply[T]) -> None:
                if not waiter.done():
                    waiter.set_result(None)

            self.add_done_callback(wake)
            yield from waiter
        return self.result()


def resolve(answer: Reply[T], result: T, fault: BaseException | None) -> None:
    """Answer with a result, or with a fault if there is one; nothing if answered already."""
    if answer.done():
        return
    if fault is not None:
        answer.set_exception(fault)
    else:
        answer.set_result(result)


def copy_answer(done: Reply[T], answer: Reply[T]) -> None:
    """Answer as another call was answered; nothing if answered already."""
    if answer.done():
        return
    exc = done.exception()
    if exc is not None:
        answer.set_exception(exc)
    else:
        answer.set_result(done.result())
