"""Shapes: what a service model says about one value, reduced to what parsing and rendering need.

Owns      `Shape`, `Member`, `Operation`; the rules by which a list names its elements.
Does not  read the model (s3.model) or keep its prose.
Invariant the graph is built once and never changed afterwards; it may be shared by all tasks.
Source    the `rest-xml` protocol as the service model states it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

S3_NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"
XSI_NAMESPACE: Final = "http://www.w3.org/2001/XMLSchema-instance"


class Kind(StrEnum):
    """The kind of a shape."""

    STRUCTURE = "structure"
    LIST = "list"
    MAP = "map"
    STRING = "string"
    INTEGER = "integer"
    LONG = "long"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"
    BLOB = "blob"


class Shape:
    """One shape. `members` by name in the model's order; `item` is the shape of list elements."""

    __slots__ = ("by_element", "item", "item_name", "kind", "members", "name", "required")

    def __init__(self, name: str, kind: Kind) -> None:
        self.name = name
        self.kind = kind
        self.members: dict[str, Member] = {}
        #: Members that travel in a document, by the name of their element.
        self.by_element: dict[str, Member] = {}
        self.required: frozenset[str] = frozenset()
        self.item: Shape | None = None
        #: Name of a list's elements, where the model gives one.
        self.item_name: str | None = None


class Member:
    """One member of a structure. `location` is empty for members that travel in the document."""

    __slots__ = (
        "element",
        "is_attribute",
        "is_flat",
        "is_streaming",
        "location",
        "name",
        "namespace",
        "shape",
        "timestamp_format",
        "wire_name",
    )

    def __init__(self, name: str, shape: Shape, facts: Mapping[str, object]) -> None:
        self.name = name
        self.shape = shape
        self.wire_name = str(facts.get("locationName", name))
        self.location = str(facts.get("location", ""))
        self.is_attribute = bool(facts.get("xmlAttribute"))
        self.is_streaming = bool(facts.get("streaming"))
        self.namespace = str(facts.get("namespace", ""))
        self.timestamp_format = str(facts.get("timestampFormat", ""))
        #: Elements of a flat list stand directly in the structure, each with this member's name.
        self.is_flat = shape.kind is Kind.LIST and bool(facts.get("flattened"))
        #: An element's name; a flat list's own element name wins over the member's.
        self.element = (shape.item_name or self.wire_name) if self.is_flat else self.wire_name


class Operation:
    """One operation: its two shapes and where their members travel."""

    __slots__ = (
        "header_members",
        "input",
        "method",
        "name",
        "output",
        "output_headers",
        "output_payload",
        "payload",
        "query_members",
        "request_uri",
        "root",
        "status",
    )

    def __init__(self, name: str, *, method: str, request_uri: str, status: int) -> None:
        self.name = name
        self.method = method
        self.request_uri = request_uri
        self.status = status
        self.input: Shape | None = None
        self.output: Shape | None = None
        #: Input member that is the whole body, if one is.
        self.payload: Member | None = None
        self.output_payload: Member | None = None
        self.query_members: dict[str, Member] = {}
        self.header_members: dict[str, Member] = {}
        #: Output members that travel in headers, by member name.
        self.output_headers: dict[str, Member] = {}
        #: Name of the root element of the answer's document.
        self.root = ""

    @property
    def has_document(self) -> bool:
        """Return whether a request carries an XML document."""
        return self.payload is not None and self.payload.shape.kind is Kind.STRUCTURE
