"""XML in both directions, over every shape of the service model and over hostile bytes."""

import base64
from datetime import UTC, datetime
from typing import Any

from botocore.parsers import RestXMLParser
from hypothesis import given, settings
from hypothesis import strategies as st

from atoll.base.errors import Malformed
from atoll.s3.xml.parse import parse_document
from atoll.s3.xml.render import render_document
from atoll.s3.xml.shapes import Kind, Shape
from fakes.s3_front import botocore_model, service_model

#: Characters that XML 1.0 can carry; the others are written as S3 does, but no parser reads them.
TEXTS = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=8
)
#: Without zones, as Hypothesis wants them; `timezones` adds it.
BOUNDS = (datetime(1970, 1, 1), datetime(2200, 1, 1))  # noqa: DTZ001 (see above)
SCALARS = {
    Kind.STRING: TEXTS.map(lambda text: f"x{text}"),
    Kind.INTEGER: st.integers(-(2**31), 2**31 - 1),
    Kind.LONG: st.integers(-(2**63), 2**63 - 1),
    Kind.BOOLEAN: st.booleans(),
    Kind.TIMESTAMP: st.datetimes(*BOUNDS, timezones=st.just(UTC)).map(
        lambda when: when.replace(microsecond=when.microsecond // 1000 * 1000)
    ),
    Kind.BLOB: st.binary(max_size=8),
}


def values_of(shape: Shape, depth: int = 5) -> st.SearchStrategy[Any]:
    """Return a strategy of values of a shape; required members are always there."""
    if shape.kind is Kind.STRUCTURE:
        members = {
            name: values_of(member.shape, depth - 1)
            for name, member in shape.members.items()
            if not member.location and (depth or name in shape.required)
        }
        required = {name: value for name, value in members.items() if name in shape.required}
        optional = {name: value for name, value in members.items() if name not in shape.required}
        return st.fixed_dictionaries(required, optional=optional)
    if shape.kind is Kind.LIST:
        assert shape.item is not None
        # A flat list without elements cannot be told from an absent one.
        return st.lists(values_of(shape.item, depth - 1), min_size=1, max_size=2)
    return SCALARS[shape.kind]


def inputs() -> list[str]:
    operations = service_model().operations.values()
    # Deprecated: two of its members share one element name, so a document cannot tell them apart.
    unfit = {"PutBucketNotification"}
    return sorted({one.name for one in operations if one.has_document} - unfit)


def outputs() -> list[str]:
    names = []
    for operation in service_model().operations.values():
        payload = operation.output_payload
        has_members = operation.output is not None and bool(operation.output.by_element)
        if has_members and (payload is None or payload.shape.kind is Kind.STRUCTURE):
            names.append(operation.name)
    # An event stream is no document; the only member of the second is its root element; the third
    # is deprecated, and two of its members share one element name, so botocore fills both.
    unfit = {"SelectObjectContent", "GetBucketLocation", "GetBucketNotification"}
    return sorted(set(names) - unfit)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_rendered_input_document_is_parsed_to_the_same_values(data):
    operation = service_model().operations[data.draw(st.sampled_from(inputs()))]
    shape, root = operation.payload.shape, operation.payload.wire_name
    values = data.draw(values_of(shape))
    assert parse_document(render_document(root, shape, values), shape, root=root) == values


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_botocore_reads_what_was_rendered(data):
    operation = service_model().operations[data.draw(st.sampled_from(outputs()))]
    payload = operation.output_payload
    shape = operation.output if payload is None else payload.shape
    values = data.draw(values_of(shape))
    body = render_document(operation.root, shape, values)
    response = {"status_code": 200, "headers": {}, "body": body}
    model = botocore_model().operation_model(operation.name)
    found = RestXMLParser().parse(response, model.output_shape)
    del found["ResponseMetadata"]
    if payload is not None:
        found = found[payload.name]
    assert plain(found) == plain(values)


def plain(value: Any) -> Any:
    """Return a value in the form in which both sides agree."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items() if item != []}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return base64.b64encode(value) if isinstance(value, bytes) else value


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=80),
        st.lists(
            st.sampled_from(
                [
                    b"<Delete>",
                    b"</Delete>",
                    b"<Object>",
                    b"</Object>",
                    b"<Key>",
                    b"</Key>",
                    b"k",
                    b"&amp;",
                    b"&x;",
                    b"<!DOCTYPE a>",
                    b"<?a b?>",
                    b"<![CDATA[",
                    b"]]>",
                    b"<!--",
                    b"-->",
                    b"\xff",
                    b"\x00",
                ]
            ),
            max_size=14,
        ).map(b"".join),
    )
)
def test_garbage_is_malformed_or_fits(document):
    payload = service_model().operations["DeleteObjects"].payload
    try:
        found = parse_document(document, payload.shape, root="Delete")
    except Malformed:
        return
    assert all(isinstance(row["Key"], str) for row in found["Objects"])
