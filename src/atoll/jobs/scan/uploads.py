"""End multipart uploads that nobody will, and forget those that came to their end.

Owns      when, and how much at a time; what ending means is the object layer's.
Failing   an upload that cannot be ended now is passed over until the next scan; a listing that
          cannot be read is tried a few times, then this scan ends, so that others get their turn.
Source    docs/design/scan.md, docs/design/multipart.md
"""

from __future__ import annotations

from typing import Final, Protocol

from atoll.base.clock import Clock
from atoll.base.errors import StoreError
from atoll.base.units import NS_PER_S
from atoll.jobs.worker import Budget, State, Status

#: Registers looked at by one step: ending one upload can mean thousands of parts.
_ROWS_MAX: Final = 64
#: Times in a row that the same page is asked for.
ATTEMPTS_MAX: Final = 3


class Expired(Protocol):
    """What one step of the object layer did."""

    @property
    def ended(self) -> int:
        """Return the number of uploads and orphaned parts that were ended."""
        ...

    @property
    def failed(self) -> int:
        """Return the number of those that could not be ended now."""
        ...

    @property
    def reason(self) -> str:
        """Return why the last of them could not."""
        ...

    @property
    def next_start(self) -> bytes | None:
        """Return where to go on; None: done."""
        ...


class UploadStore(Protocol):
    """Whoever keeps uploads."""

    async def expire_uploads(
        self, *, older_than_ns: int, budget: int, start: bytes = b""
    ) -> Expired:
        """End uploads begun, and forget those completed, before `older_than_ns`; one step."""
        ...


class UploadScan:
    """One scan of all uploads and parts."""

    def __init__(self, name: str, store: UploadStore, clock: Clock, *, age_s: float) -> None:
        self.name = name
        self._store = store
        self._older_than_ns = clock.time_ns() - int(age_s * NS_PER_S)
        self._start = b""
        self._ended = self._failed = 0
        self._attempts = 0
        self._message = ""

    async def step(self, budget: Budget) -> State:
        """Look at the next uploads."""
        rows = min(budget.rows, _ROWS_MAX)
        try:
            found = await self._store.expire_uploads(
                older_than_ns=self._older_than_ns, budget=rows, start=self._start
            )
        except StoreError as exc:
            self._attempts += 1
            if self._attempts < ATTEMPTS_MAX:
                raise
            self._failed += 1
            self._message = str(exc)
            return State.DONE
        self._attempts = 0
        self._ended += found.ended
        self._failed += found.failed
        self._message = found.reason or self._message
        if found.next_start is None:
            return State.DONE
        self._start = found.next_start
        return State.BUSY

    async def wait(self) -> None:
        """A scan always has work until it is done."""

    def status(self) -> Status:
        """Return progress: uploads and orphaned parts ended."""
        return Status(
            name=self.name,
            done=self._ended,
            repaired=self._ended,
            failed=self._failed,
            message=self._message,
        )
