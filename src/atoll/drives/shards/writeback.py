"""Early write-back: pages go out while an upload goes on, so that its sync at the end is short.

Owns      the call that begins write-back of a part of a file, and how much is gathered before it.
Does not  make anything durable, report errors or drop pages from the cache; `fdatasync` alone
          decides.
Where     Linux. Elsewhere nothing happens and the sync at the end does all the work.
Source    sync_file_range(2)
"""

from __future__ import annotations

import ctypes
from typing import Final

#: Begin write-back once this much of a file was written since the last time.
STEP_BYTES: Final = 4 << 20

_SYNC_FILE_RANGE_WRITE: Final = 2


class Writeback:
    """Begins write-back of files. Holds the C library's function; share one per drive."""

    def __init__(self) -> None:
        self._begin = getattr(ctypes.CDLL(None), "sync_file_range", None)
        if self._begin is not None:
            self._begin.argtypes = (
                ctypes.c_int,
                ctypes.c_int64,
                ctypes.c_int64,
                ctypes.c_uint,
            )

    def begin(self, file: int, *, start: int, size_bytes: int) -> None:
        """Begin to write a range of a file to its medium; returns before it is there."""
        if self._begin is not None:
            # The result says nothing that the later fdatasync does not say again.
            self._begin(file, start, size_bytes, _SYNC_FILE_RANGE_WRITE)
