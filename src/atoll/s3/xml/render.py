"""Render the members of an output shape as one document.

Owns      escaping, element order (the model's), timestamps, wrapped and flat lists, attributes.
Does not  know any action; `listing` renders rows of listings faster, to the same bytes.
Invariant absent members and None give no element; an empty string or wrapped list gives an empty
          element, an empty flat list nothing.
Source    `rest-xml`. Characters that XML 1.0 cannot carry become numeric references, as in S3; no
          parser reads those, so what only repeats the request goes through `legible` first.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, TypeGuard

from atoll.s3.xml.shapes import S3_NAMESPACE, Kind, Member, Shape
from atoll.s3.xml.times import render_iso

#: What a renderer accepts: the same as `s3.call.Field`, which lies above this package.
Renderable = (
    str
    | int
    | bool
    | float
    | bytes
    | datetime
    | Sequence["Renderable"]
    | Mapping[str, "Renderable"]
    | None
)

PROLOGUE: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'

#: Characters that need a reference: markup, and those that XML drops, normalises or forbids.
_SPECIAL: Final = re.compile("[&<>\x00-\x08\x0b-\x1f\ufffe\uffff]")
#: Characters that no XML 1.0 document may hold, not even as references.
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_NAMED: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escape(text: str) -> str:
    """Return text as element content.

    Quotes stay, which XML allows there: every ETag has two, and references in a page of 1,000 rows
    cost a client's parser a sixth of its time.
    """
    return _SPECIAL.sub(_reference, text) if _SPECIAL.search(text) else text


def legible(text: str) -> str:
    """Return text that a client sent, repeated so that any parser reads the document around it.

    Of listings this is no way: they tell names that the client does not know, and have
    `encoding-type` for them.
    """
    return _FORBIDDEN.sub("\ufffd", text)


def _escape_attribute(text: str) -> str:
    return escape(text).replace('"', "&quot;")


def escape_page(raws: Sequence[bytes]) -> list[str]:
    """Return the same as `escape` for each UTF-8 text of a page of rows; mostly none has markup."""
    joined = b"\n".join(raws).decode("utf-8", "replace")
    if joined.count("\n") == len(raws) - 1 and not _SPECIAL.search(joined):
        return joined.split("\n")
    return [escape(raw.decode("utf-8", "replace")) for raw in raws]


def _reference(match: re.Match[str]) -> str:
    character = match.group()
    return _NAMED.get(character) or f"&#x{ord(character):x};"


def render_document(root: str, shape: Shape, values: Mapping[str, Renderable]) -> bytes:
    """Return the document of a structure under a root element in the S3 namespace."""
    parts = [PROLOGUE, f'<{root} xmlns="{S3_NAMESPACE}">']
    _write_members(parts, shape, values)
    parts.append(f"</{root}>")
    return "".join(parts).encode()


def render_structure(shape: Shape, values: Mapping[str, Renderable]) -> str:
    """Return the elements inside a structure, without an element around them."""
    parts: list[str] = []
    _write_members(parts, shape, values)
    return "".join(parts)


def _write_members(parts: list[str], shape: Shape, values: Mapping[str, Renderable]) -> None:
    unknown = values.keys() - shape.members.keys()
    assert not unknown, f"{shape.name} has no members {sorted(unknown)}"
    for member in shape.members.values():
        value = values.get(member.name)
        if value is not None and not member.location and not member.is_attribute:
            _write_member(parts, member, value)


def _write_member(parts: list[str], member: Member, value: Renderable) -> None:
    if member.is_flat:
        assert _is_list(value)
        assert member.shape.item is not None
        for item in value:
            _write_element(parts, member.element, member.shape.item, item)
        return
    start = member.element
    if member.namespace:
        prefix, _, uri = member.namespace.rpartition("=")
        start += f' xmlns{":" if prefix else ""}{prefix}="{uri}"'
    _write_element(parts, member.element, member.shape, value, start)


def _write_element(
    parts: list[str], name: str, shape: Shape, value: Renderable, start: str = ""
) -> None:
    if shape.kind is Kind.STRUCTURE:
        assert isinstance(value, Mapping)
        parts.append(f"<{start or name}{_render_attributes(shape, value)}>")
        _write_members(parts, shape, value)
    elif shape.kind is Kind.LIST:
        assert _is_list(value)
        assert shape.item is not None
        parts.append(f"<{start or name}>")
        for item in value:
            _write_element(parts, shape.item_name or "member", shape.item, item)
    else:
        parts.append(f"<{start or name}>{escape(render_scalar(value))}")
    parts.append(f"</{name}>")


def _render_attributes(shape: Shape, values: Mapping[str, Renderable]) -> str:
    attributes = [
        f' {member.wire_name}="{_escape_attribute(render_scalar(values[member.name]))}"'
        for member in shape.members.values()
        if member.is_attribute and values.get(member.name) is not None
    ]
    return "".join(attributes)


def _is_list(value: Renderable) -> TypeGuard[Sequence[Renderable]]:
    return isinstance(value, (list, tuple))


def render_scalar(value: Renderable) -> str:
    """Return the text of a simple value."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return render_iso(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    assert isinstance(value, (int, float)), f"not a simple value: {type(value).__name__}"
    return str(value)
