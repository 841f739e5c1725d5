"""Write one response to a connection.

Owns      framing of the content, and that a client never takes half a response for a whole one.
Does not  decide whether the connection lives on, nor answer errors (conversation).
Invariant nothing is padded or cut: content that ends early or late raises `ResponseBroken`, and
          the caller aborts the connection if anything was sent. At most `write_buffer_bytes` and
          one chunk wait for the client. `memoryview`s reach the transport uncopied.
Cost      head and a small body are one write.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from atoll.base.units import KIB
from atoll.http.connection import Connection
from atoll.http.messages import Response
from atoll.http.render import has_content

#: Joining is cheaper than a second buffer of the transport up to about this size.
_JOIN_BYTES_MAX: Final = 16 * KIB
_LAST_CHUNK: Final = b"0\r\n\r\n"


class ResponseBroken(Exception):
    """The front end gave content that contradicts its own head."""


def send_whole(connection: Connection, response: Response, head: bytes, method: str) -> bool:
    """Write a response whose content is bytes; return whether the client was there.

    Raises
        ResponseBroken: the content has another length than promised. Nothing was written.
    """
    content = response.content
    assert isinstance(content, bytes)
    if not has_content(response.status, method):
        connection.write(head)
    elif len(content) != response.length_bytes:
        raise ResponseBroken(f"{len(content)} bytes of {response.length_bytes} promised")
    elif len(content) <= _JOIN_BYTES_MAX:
        connection.write(head + content)
    else:
        connection.writelines([head, content])
    return not connection.is_lost


async def send_stream(
    connection: Connection, response: Response, head: bytes, method: str, *, is_http10: bool
) -> bool:
    """Write a response whose content is an iterator; return whether the client took it all.

    Raises
        ResponseBroken: the content has another length than promised. The head may be written.
        Exception: whatever the iterator of the content raises.
    """
    content = response.content
    assert not isinstance(content, bytes)
    try:
        if has_content(response.status, method):
            is_chunked = response.length_bytes is None and not is_http10
            return await _stream(connection, head, content, response.length_bytes, is_chunked)
        connection.write(head)
    finally:
        await _close_iterator(content)
    return not connection.is_lost


async def _stream(
    connection: Connection,
    head: bytes,
    content: AsyncIterator[bytes | memoryview],
    length_bytes: int | None,
    is_chunked: bool,
) -> bool:
    """Write head and chunks as the client takes them.

    The head waits for the first chunk: an error before it can still be answered properly.
    """
    sent = 0
    prefix = head
    async for chunk in content:
        size = chunk.nbytes if isinstance(chunk, memoryview) else len(chunk)
        sent += size
        if length_bytes is not None and sent > length_bytes:
            raise ResponseBroken(f"more than the {length_bytes} bytes promised")
        if not size:
            continue
        if is_chunked:
            connection.writelines([b"%b%x\r\n" % (prefix, size), _flat(chunk), b"\r\n"])
        elif prefix:
            connection.writelines([prefix, _flat(chunk)])
        else:
            connection.write(_flat(chunk))
        prefix = b""
        if connection.is_congested:
            await connection.drain()
        if connection.is_lost:
            return False
    if length_bytes is not None and sent != length_bytes:
        raise ResponseBroken(f"{sent} bytes of {length_bytes} promised")
    tail = prefix + _LAST_CHUNK if is_chunked else prefix
    if tail:
        connection.write(tail)
    return not connection.is_lost


def _flat(chunk: bytes | memoryview) -> bytes | memoryview:
    """Return the chunk as single bytes, which transports count."""
    if isinstance(chunk, memoryview) and (chunk.itemsize != 1 or chunk.ndim != 1):
        return chunk.cast("B")
    return chunk


async def _close_iterator(content: AsyncIterator[bytes | memoryview]) -> None:
    """Let a generator release what it holds; an exhausted one does nothing."""
    close = getattr(content, "aclose", None)
    if close is not None:
        await close()
