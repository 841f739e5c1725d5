"""Bodies: byte streams that arrive from a client, with the digests the client promised.

A Body is read once, in order. Chunks are at most `CHUNK_BYTES_MAX`; the reader decides how to cut
them into stripes. What the client promised may arrive behind the bytes (a trailer), so `promised`
is asked after the last chunk.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final, Protocol

import msgspec

CHUNK_BYTES_MAX: Final = 1 << 20


class PromisedDigests(msgspec.Struct, frozen=True, kw_only=True):
    """Digests that the client sent with a body; compared before the body becomes visible.

    `md5` is raw bytes. `checksums` maps an algorithm name (`CRC32` `CRC32C` `CRC64NVME` `SHA1`
    `SHA256`) to raw bytes.
    """

    md5: bytes | None = None
    checksums: dict[str, bytes] = {}


class Body(Protocol):
    """A byte stream from a client."""

    #: Decoded length, or None while it is not known.
    size_bytes: int | None
    #: The whole content, when it already lies in memory; such a body need not be iterated.
    whole: bytes | None
    #: Algorithms whose value is needed, known from the headers before the first byte.
    algorithms: tuple[str, ...]

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the content.

        Raises Invalid or Denied when framing or signatures are wrong.
        """
        ...

    def promised(self) -> PromisedDigests:
        """Return what the client promised. Call only after the content ended."""
        ...


class WholeBody:
    """A Body whose content lies in memory."""

    def __init__(
        self,
        content: bytes,
        *,
        algorithms: tuple[str, ...] = (),
        promised: PromisedDigests | None = None,
    ) -> None:
        self.whole: bytes | None = content
        self.size_bytes: int | None = len(content)
        self.algorithms = algorithms
        self._promised = promised or PromisedDigests()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the content in chunks."""
        content = self.whole or b""
        for start in range(0, len(content), CHUNK_BYTES_MAX):
            yield content[start : start + CHUNK_BYTES_MAX]

    def promised(self) -> PromisedDigests:
        """Return what the client promised."""
        return self._promised
