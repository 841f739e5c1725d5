"""Take the bytes of a body: keep them in memory or store them, and check every digest.

Owns      the choice between inline and stored bytes, sizes, digests, and removal of bytes that
          failed a check.
Invariant what `receive` returns was verified against every promise of the body; on any error
          nothing of it stays stored.
Cost      bodies up to 64 KiB that lie in memory are digested at once; larger ones by the writer of
          the bytes, off the event loop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import msgspec

from atoll.base.errors import IncompleteBody, TooLarge
from atoll.base.streams import Body
from atoll.base.units import KIB
from atoll.core.formats.data_ref import DataRef
from atoll.objects.bytes_contract import ByteStore
from atoll.objects.digests import DEFAULT_ALGORITHM, ContentDigests
from atoll.objects.values import Checksum
from atoll.registers.contract import Cell

#: MD5 of this much takes less time than handing it to another thread and back.
_DIGEST_AT_ONCE_BYTES: Final = 64 * KIB


class Content(msgspec.Struct, frozen=True):
    """Bytes taken: inline, or stored under `ref`, or none at all (both None)."""

    size_bytes: int
    md5: bytes
    inline: bytes | None
    ref: DataRef | None
    checksum: Checksum | None


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of a body; `inline_bytes_max` 0 stores every byte."""

    inline_bytes_max: int
    size_bytes_max: int


def check_size(body: Body, size_bytes_max: int) -> None:
    """Raise TooLarge when a body announces more than is allowed."""
    if body.size_bytes is not None and body.size_bytes > size_bytes_max:
        raise TooLarge(size_bytes=body.size_bytes, size_bytes_max=size_bytes_max)


async def receive(
    store: ByteStore,
    cell: Cell,
    body: Body,
    algorithms: tuple[str, ...],
    limits: Limits,
) -> Content:
    """Take a body's bytes; stored ones belong to `cell.key`.

    The checksum returned is that of the first of `algorithms`, the default one where there is none.

    Raises
        DigestMismatch, InvalidDigest: a promise does not hold.
        IncompleteBody, TooLarge: the size is wrong; and whatever the body raises.
    """
    check_size(body, limits.size_bytes_max)
    algorithms = algorithms or (DEFAULT_ALGORITHM,)
    digests = ContentDigests(algorithms)
    head = body.whole
    rest: AsyncIterator[bytes] | None = None
    if head is None:
        rest = _bounded(body, limits.size_bytes_max)
        head, ended = await _gather(rest, limits.inline_bytes_max)
        rest = None if ended else rest
    if rest is None and len(head) <= max(limits.inline_bytes_max, _DIGEST_AT_ONCE_BYTES):
        return await _keep(store, cell, body, head, digests, limits)
    chunks = _joined(head, rest)
    ref = await store.write(cell, chunks, size_hint=body.size_bytes, digests=digests)
    try:
        digests.verify(body.promised())
    except BaseException:
        await store.discard(ref)
        raise
    return _content(digests, algorithms, None, ref)


async def _keep(
    store: ByteStore,
    cell: Cell,
    body: Body,
    whole: bytes,
    digests: ContentDigests,
    limits: Limits,
) -> Content:
    if body.size_bytes is not None and len(whole) != body.size_bytes:
        raise IncompleteBody(expected=body.size_bytes, found=len(whole))
    digests.update(whole)
    digests.verify(body.promised())
    algorithms = digests.algorithms
    if not whole and not limits.inline_bytes_max:
        return _content(digests, algorithms, None, None)
    if len(whole) <= limits.inline_bytes_max:
        return _content(digests, algorithms, whole, None)
    ref = await store.write_whole(cell, whole)
    return _content(digests, algorithms, None, ref)


def _content(
    digests: ContentDigests,
    algorithms: tuple[str, ...],
    inline: bytes | None,
    ref: DataRef | None,
) -> Content:
    checksum = digests.checksum(algorithms[0])
    return Content(digests.size_bytes, digests.md5(), inline, ref, checksum)


async def _bounded(body: Body, size_bytes_max: int) -> AsyncIterator[bytes]:
    size_bytes = 0
    async for chunk in body:
        size_bytes += len(chunk)
        if size_bytes > size_bytes_max:
            raise TooLarge(size_bytes=size_bytes, size_bytes_max=size_bytes_max)
        yield chunk
    if body.size_bytes is not None and size_bytes != body.size_bytes:
        raise IncompleteBody(expected=body.size_bytes, found=size_bytes)


async def _gather(chunks: AsyncIterator[bytes], size_bytes_max: int) -> tuple[bytes, bool]:
    """Return the first bytes, and whether they are all: stops behind `size_bytes_max`."""
    gathered: list[bytes] = []
    size_bytes = 0
    async for chunk in chunks:
        gathered.append(chunk)
        size_bytes += len(chunk)
        if size_bytes > size_bytes_max:
            return b"".join(gathered), False
    return b"".join(gathered), True


async def _joined(head: bytes, rest: AsyncIterator[bytes] | None) -> AsyncIterator[bytes]:
    if head:
        yield head
    if rest is not None:
        async for chunk in rest:
            yield chunk
