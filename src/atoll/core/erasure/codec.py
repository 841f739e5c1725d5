"""The erasure code at machine speed: blocks of a stripe, and missing blocks from the others.

Owns      the bridge to ISA-L through pyeclib, whose fragments carry an 80-byte header in front of
          the payload. The header depends on (k, m, stripe size, index) only, so shards are stored
          without it and it is put back from a template for reconstruction. Does not  read or write
          shards, or check that a block is right; who calls has verified them. Invariant the blocks
          equal those of `reference`, which is the specification.
Copies    data blocks are views of the stripe; only parity blocks and a padded last block are new.
Special   m = 0 is refused by pyeclib: the stripe is cut and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pyeclib.ec_iface import ECDriver

#: pyeclib puts this in front of every fragment (liberasurecode `fragment_header_t`).
_HEADER_BYTES: Final = 80
#: Sizes of stripes whose headers are remembered: the full one and recent last ones.
_TEMPLATES_MAX: Final = 64

Block = bytes | memoryview


class Codec:
    """Encodes and rebuilds stripes of one shape. Threads may share it; it only keeps a cache."""

    def __init__(self, *, data: int, parity: int) -> None:
        self.data = data
        self.parity = parity
        self._driver = ECDriver(k=data, m=parity, ec_type="isa_l_rs_cauchy") if parity else None
        self._headers: dict[int, tuple[bytes, ...]] = {}

    def encode(self, content: bytes) -> list[Block]:
        """Return the data + parity blocks of one stripe (1 byte or more), all of one length."""
        if not content:
            raise ValueError("a stripe has at least one byte")
        size = -(-len(content) // self.data)
        view = memoryview(content)
        blocks: list[Block] = [view[start : start + size] for start in range(0, len(content), size)]
        if len(content) % size:
            blocks[-1] = bytes(blocks[-1]).ljust(size, b"\0")
        blocks += [bytes(size)] * (self.data - len(blocks))
        if self._driver is not None:
            fragments: list[bytes] = self._driver.encode(content)
            blocks += [memoryview(piece)[_HEADER_BYTES:] for piece in fragments[self.data :]]
        return blocks

    def rebuild(
        self, held: Mapping[int, Block], size_bytes: int, wanted: Sequence[int]
    ) -> list[Block]:
        """Return the wanted blocks of a stripe of `size_bytes` from k held blocks, by shard index.

        Raises
            ValueError: fewer than k blocks are held.
        """
        if len(held) < self.data:
            raise ValueError(f"{self.data} blocks are needed, {len(held)} are held")
        missing = [index for index in wanted if index not in held]
        made: dict[int, Block] = {}
        if missing:
            if self._driver is None:
                raise ValueError(f"without parity nothing gives back blocks {missing}")
            headers = self._fragment_headers(size_bytes)
            indexes = sorted(held)[: self.data]
            fragments = [headers[index] + held[index] for index in indexes]
            rebuilt: list[bytes] = self._driver.reconstruct(fragments, missing)
            made = {
                index: memoryview(piece)[_HEADER_BYTES:]
                for index, piece in zip(missing, rebuilt, strict=True)
            }
        return [made[index] if index in made else held[index] for index in wanted]

    def _fragment_headers(self, size_bytes: int) -> tuple[bytes, ...]:
        """Return the fragment headers of a stripe of `size_bytes`, learned from an empty one."""
        headers = self._headers.get(size_bytes)
        if headers is None:
            assert self._driver is not None
            fragments: list[bytes] = self._driver.encode(bytes(size_bytes))
            headers = tuple(piece[:_HEADER_BYTES] for piece in fragments)
            if len(self._headers) >= _TEMPLATES_MAX:
                self._headers = {}
            self._headers[size_bytes] = headers
        return headers
