"""Content to shard blocks, in batches: the CPU work between the network and the drives.

Owns      cutting a stream of chunks of any size into batches of whole stripes, and the CPU work on
          a batch: join, digests, encode.
Copies    one, when the chunks of a stripe are joined; none, when a chunk is exactly a stripe.
Bounds    a batch is at most `STRIPES_PER_BATCH` stripes.
Tasks     `encode` is called off the loop, one batch at a time and in order: digests are sequential.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

import msgspec
import xxhash

from atoll.core.erasure.codec import Block, Codec
from atoll.objects.bytes_contract import DigestSink

#: With two, 16 uploads at once take 65 MiB more and are not faster.
STRIPES_PER_BATCH: Final = 1

Piece = bytes | memoryview


class Batch(msgspec.Struct, frozen=True):
    """Some stripes of content as it arrived: for each stripe the pieces that make it."""

    stripes: list[list[Piece]]
    size_bytes: int


class EncodedBatch(msgspec.Struct, frozen=True):
    """For each shard its blocks, in stripe order."""

    shards: list[list[Block]]
    size_bytes: int


async def cut_batches(
    chunks: AsyncIterator[bytes], stripe_bytes: int, /
) -> AsyncGenerator[Batch, None]:
    """Yield batches of whole stripes; the last stripe of the last batch may be shorter."""
    stripes: list[list[Piece]] = []
    stripe: list[Piece] = []
    room = stripe_bytes
    size_bytes = 0
    async for chunk in chunks:
        rest: Piece = chunk
        while len(rest) >= room:
            whole = len(rest) == room
            stripe.append(rest if whole else memoryview(rest)[:room])
            rest = b"" if whole else memoryview(rest)[room:]
            size_bytes += room
            stripes.append(stripe)
            stripe, room = [], stripe_bytes
            if len(stripes) == STRIPES_PER_BATCH:
                yield Batch(stripes, size_bytes)
                stripes, size_bytes = [], 0
        if rest:
            stripe.append(rest)
            room -= len(rest)
            size_bytes += len(rest)
    if stripe:
        stripes.append(stripe)
    if stripes:
        yield Batch(stripes, size_bytes)


class Encoder:
    """The CPU work on one content, batch by batch."""

    def __init__(self, codec: Codec, digests: DigestSink | None) -> None:
        self._codec = codec
        self._digests = digests
        self._whole = xxhash.xxh3_128()

    def encode(self, batch: Batch) -> EncodedBatch:
        """Return the blocks of a batch: (shards, stripes) buffers, of one length per stripe."""
        shards: list[list[Block]] = [[] for _ in range(self._codec.data + self._codec.parity)]
        for pieces in batch.stripes:
            content = _join(pieces)
            if self._digests is not None:
                self._digests.update(content)
            self._whole.update(content)
            for blocks, block in zip(shards, self._codec.encode(content), strict=True):
                blocks.append(block)
        return EncodedBatch(shards, batch.size_bytes)

    def content_digest(self) -> bytes:
        """Return the XXH3-128 of everything encoded."""
        return self._whole.digest()


def _join(pieces: list[Piece]) -> bytes:
    first = pieces[0]
    if len(pieces) == 1 and isinstance(first, bytes):
        return first
    return b"".join(pieces)
