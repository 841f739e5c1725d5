"""How slowly a client may send or take bytes before it is given up.

Owns      the two rules: silence, and a rate below the minimum over a time of grace.
Does not  read a clock or act; the connection counts time in ticks and closes.
Invariant only time in which the server waits for the client is counted. Judgement is per direction
          and starts anew with each body and each time the client falls behind.
"""

from __future__ import annotations

from atoll.http.limits import HttpLimits


class SendPace:
    """The pace at which a client sends one body."""

    __slots__ = ("_idle_s", "_limits", "_marked_bytes", "_waited_s")

    def __init__(self, limits: HttpLimits) -> None:
        self._limits = limits
        self._waited_s = 0.0
        self._idle_s = 0.0
        self._marked_bytes = 0

    def is_too_slow(self, elapsed_s: float, *, received_bytes: int) -> bool:
        """Count `elapsed_s` of waiting, after which `received_bytes` in all have come."""
        limits = self._limits
        self._waited_s += elapsed_s
        if received_bytes > self._marked_bytes:
            self._marked_bytes = received_bytes
            self._idle_s = 0.0
        else:
            self._idle_s += elapsed_s
        return self._idle_s >= limits.body_idle_s or (
            self._waited_s >= limits.rate_grace_s
            and received_bytes < limits.body_bytes_per_s_min * self._waited_s
        )


class TakePace:
    """The pace at which a client takes what is written, while more waits than should."""

    __slots__ = ("_limits", "_marked_bytes", "_stalled_s")

    def __init__(self, limits: HttpLimits) -> None:
        self._limits = limits
        self._stalled_s = 0.0
        self._marked_bytes = 0

    def restart(self) -> None:
        """Forget what was counted: the client has caught up since."""
        self._stalled_s = 0.0

    def is_too_slow(self, elapsed_s: float, *, taken_bytes: int) -> bool:
        """Count `elapsed_s` of waiting, after which `taken_bytes` in all were taken."""
        limits = self._limits
        if self._stalled_s == 0.0:
            self._marked_bytes = taken_bytes
        self._stalled_s += elapsed_s
        if self._stalled_s < limits.rate_grace_s:
            return False
        taken = taken_bytes - self._marked_bytes
        is_slow = taken < limits.write_bytes_per_s_min * self._stalled_s
        self._stalled_s = 0.0
        return is_slow
