"""Geometry of erasure-coded content: stripes, blocks, shards, and which drive holds which shard.

Owns      the arithmetic between content bytes, stripes and blocks, and the rotation of shards.
Does not  touch bytes.
Invariant every block of one stripe has the same length, ceil(stripe bytes / data); the blocks of
          the data shards, in order, are the stripe followed by zeros.
Source    docs/design/erasure.md
"""

from __future__ import annotations

import msgspec
import xxhash


class Geometry(msgspec.Struct, frozen=True, array_like=True):
    """How `data_bytes` of content are cut into `data` + `parity` shards.

    Every stripe holds `stripe_bytes` of content but the last, which holds the rest.
    """

    data: int
    parity: int
    stripe_bytes: int
    data_bytes: int

    @property
    def shards(self) -> int:
        """Return n, the number of shards."""
        return self.data + self.parity

    @property
    def stripes(self) -> int:
        """Return the number of stripes, which is the number of blocks of each shard."""
        return -(-self.data_bytes // self.stripe_bytes)

    @property
    def block_bytes(self) -> int:
        """Return the length of every block but those of the last stripe."""
        return -(-self.stripe_bytes // self.data)

    def stripe_size(self, stripe: int) -> int:
        """Return the bytes of content in a stripe; 0 behind the last."""
        start = stripe * self.stripe_bytes
        return max(0, min(self.stripe_bytes, self.data_bytes - start))

    def block_size(self, stripe: int) -> int:
        """Return the length of a stripe's blocks."""
        return -(-self.stripe_size(stripe) // self.data)

    @property
    def shard_bytes(self) -> int:
        """Return the bytes of all blocks of one shard, without checksums and header."""
        whole, rest = divmod(self.data_bytes, self.stripe_bytes)
        return whole * self.block_bytes + -(-rest // self.data)

    def stripes_of(self, first: int, last: int, /) -> range:
        """Return the stripes that hold content bytes [first, last], inclusive."""
        return range(first // self.stripe_bytes, last // self.stripe_bytes + 1)


def shard_order(data_id: bytes, drives: int) -> tuple[int, ...]:
    """Return for each shard index the position in the set of the drive that holds it.

    A rotation by a hash of the data id, so that data shards, which are read first, and the load of
    reading spread evenly over the set.
    """
    turn = xxhash.xxh3_64_intdigest(data_id) % drives
    return tuple((index + turn) % drives for index in range(drives))
