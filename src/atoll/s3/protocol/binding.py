"""Bind requests to input shapes and answers to responses, by the service model.

Owns      where members travel: query, headers, document; and their text forms there.
Does not  route, authorise, read bodies from the network, or judge values.
Invariant work is proportional to what a request carries, not to the members of its shape.
Source    the `rest-xml` protocol of the service model. Conditional dates that are no dates are
          ignored, as RFC 9110 sections 13.1.3 and 13.1.4 ask.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from atoll.base.errors import InvalidArgument
from atoll.http.messages import Headers
from atoll.s3.call import Document, Field
from atoll.s3.errors import S3Error
from atoll.s3.xml.parse import parse_document, parse_scalar
from atoll.s3.xml.render import render_document, render_scalar
from atoll.s3.xml.shapes import Kind, Member, Operation
from atoll.s3.xml.times import parse_http_date, parse_iso, render_http_date

METADATA_PREFIX: Final = "x-amz-meta-"

#: Query names that carry a presigned request's proof; all other `x-amz-*` names stand for headers.
_PROOF: Final = frozenset(
    {
        "x-amz-algorithm",
        "x-amz-credential",
        "x-amz-date",
        "x-amz-expires",
        "x-amz-security-token",
        "x-amz-signature",
        "x-amz-signedheaders",
    }
)
#: A query with one of these is signed as a whole; only then may its parameters be headers.
_SIGNATURES: Final = frozenset({"X-Amz-Signature", "Signature"})
#: What the parser of real headers lets pass.
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9a-z]+")
_NOT_IN_VALUE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
#: Members that are lists in HTTP though the model calls them strings: several lines are one list.
_LISTS: Final = frozenset({"CacheControl", "ContentEncoding", "ContentLanguage"})
_CONDITIONAL_DATES: Final = frozenset(
    {
        "IfModifiedSince",
        "IfUnmodifiedSince",
        "CopySourceIfModifiedSince",
        "CopySourceIfUnmodifiedSince",
    }
)


def merge_hoisted(headers: Headers, query: Mapping[str, str]) -> Headers:
    """Return headers with those that a presigned URL carries in its query.

    Some clients move every `x-amz-*` header of a presigned request into the URL. A header that
    was really sent comes first.

    Raises
        InvalidArgument: what stands there cannot be a header: it would be stored, and echoed with
            line ends of its own.
    """
    if _SIGNATURES.isdisjoint(query):
        return headers
    hoisted: list[tuple[str, str]] = []
    for name, value in query.items():
        lower = name.lower()
        if lower[:6] == "x-amz-" and lower not in _PROOF:
            if not _HEADER_NAME.fullmatch(lower) or _NOT_IN_VALUE.search(value):
                raise InvalidArgument(
                    "The query parameter cannot stand for a header.", argument=name, found=value
                )
            hoisted.append((lower, value))
    return Headers([*headers.pairs, *hoisted]) if hoisted else headers


def parse_input(
    operation: Operation, query: Mapping[str, str], headers: Headers
) -> dict[str, Field]:
    """Return the members of the input shape that query and headers carry.

    Raises
        S3Error: InvalidArgument for a text that is not of the member's kind.
        InvalidArgument: a version is named to an operation that knows none.
    """
    values: dict[str, Field] = {}
    if query:
        members = operation.query_members
        for name, text in query.items():
            member = members.get(name)
            if member is not None:
                _take(values, member, text)
            elif name == "versionId":
                # Whoever names a version must not reach the newest one instead.
                raise InvalidArgument(
                    "This operation does not accept a version-id.", argument=name, found=text
                )
    known = operation.header_members
    metadata: dict[str, str] = {}
    for name, text in headers.pairs:
        member = known.get(name)
        if member is not None:
            _take(values, member, text)
        elif name.startswith(METADATA_PREFIX):
            key = name[len(METADATA_PREFIX) :]
            # A name sent twice is one value with a comma, as everywhere in HTTP.
            metadata[key] = f"{metadata[key]},{text}" if key in metadata else text
    if metadata and METADATA_PREFIX in known:
        values["Metadata"] = metadata
    return values


def parse_payload(operation: Operation, document: bytes) -> dict[str, Field]:
    """Return the payload member parsed from a request's document; empty for an empty body.

    Raises
        Malformed: the document does not fit.
        S3Error: MissingRequestBodyError when the operation cannot do without.
    """
    member = operation.payload
    assert member is not None
    assert operation.input is not None
    if not document:
        if member.name in operation.input.required:
            raise S3Error("MissingRequestBodyError")
        return {}
    if member.shape.kind is not Kind.STRUCTURE:
        return {member.name: document}
    value = parse_document(document, member.shape, root=member.wire_name)
    return {member.name: _as_field(value)}


def _as_field(value: object) -> Field:
    """Restate a parsed document as a Field: the same values under the wider, read-only type."""
    assert isinstance(value, dict)
    return value


def _take(values: dict[str, Field], member: Member, text: str) -> None:
    """Add one member from its text; the first of several headers counts, except for lists."""
    kind = member.shape.kind
    if kind is Kind.STRING:
        is_repeated = member.name in values
        first = values.setdefault(member.name, text)
        if member.name in _LISTS and is_repeated:
            assert isinstance(first, str)
            values[member.name] = f"{first},{text}"
    elif kind is Kind.LIST:
        items = [item.strip() for item in text.split(",") if item.strip()]
        found = values.get(member.name, [])
        assert isinstance(found, list)
        values[member.name] = [*found, *items]
    elif kind is Kind.MAP:
        raise InvalidArgument(
            "A metadata header needs a name behind its prefix.",
            argument=member.wire_name,
            found=text,
        )
    elif member.name not in values and (text or kind is Kind.BLOB):
        value = _parse_text(member, text)
        if value is not None:
            values[member.name] = value


def _parse_text(member: Member, text: str) -> Field:
    try:
        if member.shape.kind is Kind.TIMESTAMP:
            return _parse_time(member, text)
        value = parse_scalar(text, member.shape.kind)
        assert isinstance(value, int | bool | bytes | str)
        return value
    except ValueError as exc:
        if member.name in _CONDITIONAL_DATES:
            return None
        wanted = "an integer or within integer range"
        if member.shape.kind is not Kind.INTEGER:
            wanted = f"of type {member.shape.kind.value}"
        raise S3Error(
            "InvalidArgument",
            f"Provided {member.wire_name} not {wanted}",
            argument=member.wire_name,
            found=text,
        ) from exc


def _parse_time(member: Member, text: str) -> datetime:
    default = "rfc822" if member.location == "header" else "iso8601"
    if (member.timestamp_format or default) == "rfc822":
        return parse_http_date(text)
    return parse_iso(text)


def render_headers(operation: Operation, output: Document) -> list[tuple[str, str]]:
    """Return the headers that an answer's members make. Content-Length belongs to the server."""
    headers: list[tuple[str, str]] = []
    members = operation.output_headers
    for name, value in output.items():
        member = members.get(name)
        if member is None or value is None or name == "ContentLength":
            continue
        if isinstance(value, str):
            headers.append((member.wire_name.lower(), value))
        elif isinstance(value, datetime):
            headers.append((member.wire_name.lower(), _render_time(member, value)))
        elif isinstance(value, Mapping):
            prefix = member.wire_name.lower()
            headers.extend((prefix + key, render_scalar(text)) for key, text in value.items())
        else:
            headers.append((member.wire_name.lower(), render_scalar(value)))
    return headers


def _render_time(member: Member, when: datetime) -> str:
    if member.timestamp_format == "iso8601":
        return render_scalar(when)
    return render_http_date(when)


def render_body(operation: Operation, output: Document) -> bytes:
    """Return the document of an answer; empty where the output shape has none."""
    shape = operation.output
    if shape is None:
        return b""
    payload = operation.output_payload
    if payload is not None:
        return _render_payload(operation, payload, output.get(payload.name))
    if not shape.by_element:
        return b""
    body = {name: value for name, value in output.items() if name not in operation.output_headers}
    return render_document(operation.root, shape, body)


def _render_payload(operation: Operation, payload: Member, value: Field) -> bytes:
    if isinstance(value, Mapping):
        return render_document(operation.root, payload.shape, value)
    if isinstance(value, str):
        return value.encode()
    assert value is None or isinstance(value, bytes)
    return value or b""


def list_member(values: Document, name: str) -> list[Document]:
    """Return a list of structures of a document, empty when it is absent."""
    found = values.get(name) or ()
    assert isinstance(found, Iterable)
    return [item for item in found if isinstance(item, Mapping)]
