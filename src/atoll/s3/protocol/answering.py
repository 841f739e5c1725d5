"""Turn an action's answer into a response.

Owns      status, headers and document of successes: by the output shape, or ready from the action.
Does not  render errors.
Invariant a response to HEAD, and one without content by its status, has no body.
"""

from __future__ import annotations

from typing import Final

from atoll.http.messages import Response
from atoll.s3.call import Answer
from atoll.s3.protocol.binding import render_body, render_headers
from atoll.s3.xml.listing import render_listing
from atoll.s3.xml.shapes import Operation

_OK: Final = 200
_XML_TYPE: Final = ("content-type", "application/xml")


def render_answer(operation: Operation, answer: Answer, *, is_head: bool) -> Response:
    """Return the response of a success."""
    status = operation.status if answer.status == _OK else answer.status
    headers = [*answer.headers, *render_headers(operation, answer.output)]
    content = answer.content
    length_bytes = answer.length_bytes
    if length_bytes is None:
        promised = answer.output.get("ContentLength")
        length_bytes = promised if isinstance(promised, int) else None
    if is_head:
        return Response(status, headers, b"", length_bytes=length_bytes, on_sent=answer.on_sent)
    if content is None:
        content = b""
        document = _render_document(operation, answer)
        if document:
            content = document
            headers.append(_XML_TYPE)
    return Response(status, headers, content, length_bytes=length_bytes, on_sent=answer.on_sent)


def _render_document(operation: Operation, answer: Answer) -> bytes:
    if answer.rows is not None:
        assert operation.output is not None
        return render_listing(operation.root, operation.output, answer.output, answer.rows)
    return render_body(operation, answer.output)
