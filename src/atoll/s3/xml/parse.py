"""Parse a request document into the members of an input shape.

Owns      the limits of hostile XML: no DTD, no entity, no processing instruction, bounded depth and
          number of elements, which take a hundred times their bytes in memory; the rules of types;
          which elements a shape knows.
Does not  judge values (counts, choices, ranges), actions do; nor bound the size, the reader does.
Invariant an element the shape does not know, a second copy of a single element, text between
          elements and a missing required member are Malformed: no wish is silently dropped.
Source    `rest-xml`; S3 answers all of these with MalformedXML. Namespaces are not compared, since
          clients leave them out.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from datetime import datetime
from typing import Final
from xml.parsers import expat

from atoll.base.errors import Malformed
from atoll.base.limits import XML_DEPTH_MAX, XML_NODES_MAX
from atoll.s3.xml.shapes import Kind, Member, Shape
from atoll.s3.xml.times import parse_iso

#: Namespaces that one element may declare; documents of clients have one or two.
_NAMESPACES_MAX: Final = 64

Value = str | int | bool | bytes | datetime | list["Value"] | dict[str, "Value"]


class _Node:
    """One element: local name, attributes by local name, text, children in order."""

    __slots__ = ("attributes", "children", "name", "text")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.text = ""
        self.children: list[_Node] = []


def parse_document(document: bytes, shape: Shape, *, root: str) -> dict[str, Value]:
    """Return the members of a structure from its document.

    The caller bounds the document's size before it reads it.

    Raises
        Malformed: it is not well formed, has another root, or does not fit the shape.
    """
    node = _read_tree(document)
    if node.name != root:
        raise Malformed(element=node.name, expected=root)
    return _read_structure(node, shape)


class _Tree:
    """Builds the tree of one document from what the parser reports."""

    __slots__ = ("_count", "_namespaces", "_open", "_texts", "top")

    def __init__(self) -> None:
        self.top = _Node("", {})
        self._open = [self.top]
        self._texts: list[str] = []
        self._count = 0
        self._namespaces = 0

    def attach(self, parser: expat.XMLParserType) -> None:
        """Let a parser report to this tree; what is not an element is refused."""
        parser.buffer_text = True
        parser.StartNamespaceDeclHandler = self._declare
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._texts.append
        parser.StartDoctypeDeclHandler = _refuse
        parser.EntityDeclHandler = _refuse
        parser.ProcessingInstructionHandler = _refuse
        parser.ExternalEntityRefHandler = _refuse

    def _declare(self, _prefix: str | None, _uri: str) -> None:
        """Count the namespaces of the element that starts next."""
        self._namespaces += 1
        if self._namespaces > _NAMESPACES_MAX:
            raise Malformed(namespaces_max=_NAMESPACES_MAX)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._namespaces = 0
        self._count += 1 + len(attributes)
        if len(self._open) > XML_DEPTH_MAX:
            raise Malformed(depth_max=XML_DEPTH_MAX)
        if self._count > XML_NODES_MAX:
            raise Malformed(nodes_max=XML_NODES_MAX)
        parent = self._open[-1]
        if self._texts:
            self._note_between(parent)
        node = _Node(_local(name), {_local(key): text for key, text in attributes.items()})
        parent.children.append(node)
        self._open.append(node)

    def _end(self, _name: str) -> None:
        node = self._open.pop()
        if not self._texts:
            return
        if node.children:
            self._note_between(node)
        else:
            node.text = "".join(self._texts)
            self._texts.clear()

    def _note_between(self, node: _Node) -> None:
        """Keep the first text between elements: white space means nothing, the rest refuses.

        Adding up all of it would take time with the square of its length.
        """
        if not node.text:
            found = "".join(self._texts)
            node.text = "" if found.isspace() else found
        self._texts.clear()


def _read_tree(document: bytes) -> _Node:
    """Return the root element; expat does the syntax."""
    tree = _Tree()
    parser = expat.ParserCreate(namespace_separator=" ")
    tree.attach(parser)
    try:
        parser.Parse(document, True)
    except expat.ExpatError as exc:
        raise Malformed(line=exc.lineno, column=exc.offset) from exc
    except (UnicodeDecodeError, LookupError, ValueError) as exc:
        raise Malformed(encoding="unknown") from exc
    return tree.top.children[0]


def _refuse(*_arguments: object) -> int:
    raise Malformed(found="a document type, entity or processing instruction")


def _local(name: str) -> str:
    """Return a name without its namespace."""
    return name.rpartition(" ")[2]


def _read_structure(node: _Node, shape: Shape) -> dict[str, Value]:
    if node.text and not node.text.isspace():
        raise Malformed(element=node.name, found="text between elements")
    values: dict[str, Value] = {}
    by_element = shape.by_element
    for child in node.children:
        member = by_element.get(child.name)
        if member is None or member.is_attribute:
            raise Malformed(element=child.name, parent=node.name)
        if member.is_flat:
            assert member.shape.item is not None
            flat = values.setdefault(member.name, [])
            assert isinstance(flat, list)
            flat.append(_read_value(child, member.shape.item))
        elif member.name in values:
            raise Malformed(element=child.name, found="twice")
        else:
            values[member.name] = _read_value(child, member.shape)
    if node.attributes:
        _read_attributes(node, shape, values)
    for name in shape.required:
        if name not in values:
            raise Malformed(element=node.name, missing=name)
    return values


def _read_attributes(node: _Node, shape: Shape, values: dict[str, Value]) -> None:
    """Take the attributes the shape knows; others, such as a schema location, carry no wish."""
    for member in shape.members.values():
        if member.is_attribute:
            text = node.attributes.get(_attribute_name(member))
            if text is not None:
                values[member.name] = text


def _attribute_name(member: Member) -> str:
    return member.wire_name.rpartition(":")[2]


def _read_list(node: _Node, shape: Shape) -> list[Value]:
    if node.text and not node.text.isspace():
        raise Malformed(element=node.name, found="text between elements")
    assert shape.item is not None
    name = shape.item_name or "member"
    values: list[Value] = []
    for child in node.children:
        if child.name != name:
            raise Malformed(element=child.name, parent=node.name)
        values.append(_read_value(child, shape.item))
    return values


def _read_value(node: _Node, shape: Shape) -> Value:
    if shape.kind is Kind.STRUCTURE:
        return _read_structure(node, shape)
    if shape.kind is Kind.LIST:
        return _read_list(node, shape)
    if node.children:
        raise Malformed(element=node.name, found="elements in a simple value")
    if shape.kind is Kind.STRING:
        return node.text
    try:
        return parse_scalar(node.text.strip(), shape.kind)
    except ValueError as exc:
        raise Malformed(element=node.name, expected=shape.kind.value) from exc


def _parse_integer(text: str) -> int:
    # int() would also take underscores, signs with space, and digits of other scripts.
    digits = text[1:] if text[:1] == "-" else text
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 19:
        raise ValueError("not an integer")
    return int(text)


def _parse_boolean(text: str) -> bool:
    lowered = text.lower()
    if lowered in ("true", "false"):
        return lowered == "true"
    raise ValueError("not a boolean")


def _parse_blob(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError) as exc:
        raise ValueError("not base64") from exc


_SCALARS: Final[dict[Kind, Callable[[str], Value]]] = {
    Kind.STRING: str,
    Kind.INTEGER: _parse_integer,
    Kind.LONG: _parse_integer,
    Kind.BOOLEAN: _parse_boolean,
    Kind.TIMESTAMP: parse_iso,
    Kind.BLOB: _parse_blob,
}


def parse_scalar(text: str, kind: Kind) -> Value:
    """Return a simple value from its text.

    Raises
        ValueError: the text is not of that kind.
    """
    return _SCALARS[kind](text)
