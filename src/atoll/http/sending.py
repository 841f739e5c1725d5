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
from atoll.http.render import encode_head, framing_line, has_content

#: Joining is cheaper than a second buffer of the transport up to about this size.
_JOIN_BYTES_MAX: Final = 16 * KIB
_LAST_CHUNK: Final = b"0\r\n\r\n"


class ResponseBroken(Exception):
    """The front end gave content that contradicts its own head."""


class Framing:
    """What the head must say about a response besides what the front end says."""

    __slots__ = ("connection", "date", "is_http10", "method")

    def __init__(self, method: str, date: str, connection: str, *, is_http10: bool) -> None:
        self.method = method
        #: Header lines, or empty.
        self.date = date
        self.connection = connection
        self.is_http10 = is_http10


async def send_response(connection: Connection, response: Response, framing: Framing) -> bool:
    """Write `response`; return whether the client was there to the end.

    Raises
        ValueError: a header cannot be sent. Nothing was written.
        ResponseBroken: the content has another length than promised. The head may be written.
        Exception: whatever the iterator of the content raises.
    """
    content = response.content
    length_line = framing_line(response, framing.method, is_http10=framing.is_http10)
    head = encode_head(response, framing.date, length_line, framing.connection)
    if connection.is_congested:
        await connection.drain()
    if not isinstance(content, bytes):
        try:
            if has_content(response.status, framing.method):
                is_chunked = response.length_bytes is None and not framing.is_http10
                return await _stream(connection, head, content, response.length_bytes, is_chunked)
            connection.write(head)
        finally:
            await _close_iterator(content)
        return not connection.is_lost
    if not has_content(response.status, framing.method):
        connection.write(head)
    elif len(content) != response.length_bytes:
        raise ResponseBroken(f"{len(content)} bytes of {response.length_bytes} promised")
    elif len(content) <= _JOIN_BYTES_MAX:
        connection.write(head + content)
    else:
        connection.writelines([head, content])
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
