"""Replies of several drives to one step: start, wait, fold.

Owns      how long a step waits: for as many drives as it needs, then a little longer for the rest.
Does not  cancel anything: a disk operation cannot be called back. A reply that nobody waits for any
          more is read all the same, so that no exception goes unseen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, ParamSpec, TypeVar

from atoll.base.errors import (
    DriveFault,
    DriveFull,
    QuorumLost,
    StorageFull,
    StoreError,
    Unavailable,
)

T = TypeVar("T")
P = ParamSpec("P")


def ask(call: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
    """Start a call on a drive; a fault raised at once is an answer like any other."""
    reply: Awaitable[T]
    try:
        reply = call(*args, **kwargs)
    except DriveFault as exc:
        failed: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        failed.set_exception(exc)
        reply = failed
    assert isinstance(reply, asyncio.Future), "a drive's shard verbs answer with futures"
    reply.add_done_callback(_look)
    return reply


def _look(reply: asyncio.Future[Any]) -> None:
    """Mark the exception of a reply as seen, whether or not somebody still waits."""
    if not reply.cancelled():
        reply.exception()


def fault_of(reply: asyncio.Future[Any]) -> DriveFault | None:
    """Return why a reply failed; None when it succeeded. Anything but a DriveFault is raised."""
    if reply.cancelled():
        return DriveFault("The call was given up.")
    failure = reply.exception()
    if failure is None:
        return None
    if not isinstance(failure, DriveFault):
        raise failure
    return failure


async def settle(
    replies: Collection[asyncio.Future[Any]], *, needed: int, patience_s: float, hang_s: float
) -> None:
    """Wait until all replies are in, or `needed` succeeded and the rest stays out too long.

    `patience_s` is how long the rest may take after the last reply that came; `hang_s` how long
    nothing may come before the needed ones have.
    """
    waiting = {reply for reply in replies if not reply.done()}
    while waiting:
        succeeded = sum(1 for reply in replies if reply.done() and fault_of(reply) is None)
        limit_s = patience_s if succeeded >= needed else hang_s
        came, waiting = await asyncio.wait(
            waiting, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED
        )
        if not came:
            return


def quorum_error(needed: int, reached: int, faults: Sequence[StoreError]) -> Unavailable:
    """Return what a step that reached too few drives means to the caller.

    StorageFull when the drives without room would have made the quorum.
    """
    full = sum(1 for fault in faults if isinstance(fault, DriveFull))
    if full and reached + full >= needed:
        return StorageFull(needed=needed, reached=reached, full=full)
    return QuorumLost(needed=needed, reached=reached, causes=[str(fault) for fault in faults])
