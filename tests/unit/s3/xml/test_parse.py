"""Request documents: what is accepted, and what hostile or careless clients are told."""

from datetime import UTC, datetime

import pytest

from atoll.base.errors import Malformed
from atoll.base.limits import PART_NUMBER_MAX, XML_DEPTH_MAX, XML_NODES_MAX
from atoll.s3.xml.parse import parse_document, parse_scalar
from atoll.s3.xml.shapes import Kind
from fakes.s3_front import service_model

NAMESPACE = b' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


def parse(operation: str, document: bytes):
    payload = service_model().operations[operation].payload
    return parse_document(document, payload.shape, root=payload.wire_name)


@pytest.mark.parametrize("namespace", [b"", NAMESPACE, b' xmlns="http://example.org/"'])
def test_a_document_is_read_with_any_namespace(namespace):
    document = (
        b"<Delete" + namespace + b">\n  <Object><Key> a  b\t</Key></Object>\n"
        b"  <Object><Key>c</Key><VersionId>v</VersionId></Object><Quiet> true </Quiet></Delete>"
    )
    assert parse("DeleteObjects", document) == {
        "Objects": [{"Key": " a  b\t"}, {"Key": "c", "VersionId": "v"}],
        "Quiet": True,
    }


def test_a_prefixed_namespace_is_read():
    document = (
        b'<s:VersioningConfiguration xmlns:s="http://s3.amazonaws.com/doc/2006-03-01/">'
        b"<s:Status>Enabled</s:Status></s:VersioningConfiguration>"
    )
    assert parse("PutBucketVersioning", document) == {"Status": "Enabled"}


def test_wrapped_lists_and_escapes_are_read():
    document = (
        b"<Tagging><TagSet><Tag><Key>a&amp;&#x62;</Key><Value/></Tag>"
        b"<Tag><Key><![CDATA[<c>]]></Key><Value>\xc3\xa9</Value></Tag></TagSet></Tagging>"
    )
    assert parse("PutBucketTagging", document) == {
        "TagSet": [{"Key": "a&b", "Value": ""}, {"Key": "<c>", "Value": "é"}]
    }


def test_an_attribute_of_the_shape_is_read():
    document = (
        b'<AccessControlPolicy xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        b'<AccessControlList><Grant><Grantee xsi:type="CanonicalUser"><ID>me</ID></Grantee>'
        b"<Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>"
    )
    grant = parse("PutBucketAcl", document)["Grants"][0]
    assert grant == {"Grantee": {"Type": "CanonicalUser", "ID": "me"}, "Permission": "READ"}


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"not xml",
        b"<Delete>",
        b"<Delete></Delete><Delete></Delete>",
        b"<Remove><Object><Key>a</Key></Object></Remove>",
        b"<Delete></Delete>",
        b"<Delete><Object></Object></Delete>",
        b"<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>",
        b"<Delete><Object><Key>a</Key></Object><Wish>x</Wish></Delete>",
        b"<Delete>text<Object><Key>a</Key></Object></Delete>",
        b"<Delete><Object><Key><b>a</b></Key></Object></Delete>",
        b"<Delete><Object><Key>a</Key></Object><Quiet>maybe</Quiet></Delete>",
        b"<Delete><Object><Key>a</Key><Size>1_0</Size></Object></Delete>",
        b"<Delete><Object><Key>\x00</Key></Object></Delete>",
        b"<Delete><Object><Key>&#1;</Key></Object></Delete>",
        b"<Delete><Object><Key>&nope;</Key></Object></Delete>",
        b"<Delete><Object><Key>\xff</Key></Object></Delete>",
        b'<?xml version="1.0" encoding="nonsense"?><Delete/>',
        b"<!DOCTYPE Delete><Delete><Object><Key>a</Key></Object></Delete>",
        b'<!DOCTYPE d [<!ENTITY e "x">]><Delete><Object><Key>&e;</Key></Object></Delete>',
        b'<!DOCTYPE d SYSTEM "file:///etc/passwd"><Delete><Object><Key>a</Key></Object></Delete>',
        b'<?xml-stylesheet href="x"?><Delete><Object><Key>a</Key></Object></Delete>',
        b"<x:Delete><Object><Key>a</Key></Object></x:Delete>",
    ],
)
def test_a_document_that_does_not_fit_is_malformed(document):
    with pytest.raises(Malformed):
        parse("DeleteObjects", document)


def test_depth_is_bounded():
    depth = XML_DEPTH_MAX + 1
    with pytest.raises(Malformed) as caught:
        parse("DeleteObjects", b"<a>" * depth + b"</a>" * depth)
    assert caught.value.fields == {"depth_max": XML_DEPTH_MAX}


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("-12", Kind.INTEGER, -12),
        ("FALSE", Kind.BOOLEAN, False),
        ("AQI=", Kind.BLOB, b"\x01\x02"),
        ("2024-01-02T03:04:05.678Z", Kind.TIMESTAMP, datetime(2024, 1, 2, 3, 4, 5, 678000, UTC)),
    ],
)
def test_scalars_are_read(text, kind, value):
    assert parse_scalar(text, kind) == value


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", Kind.INTEGER),
        ("+1", Kind.INTEGER),
        ("1_0", Kind.INTEGER),
        ("٣", Kind.INTEGER),
        ("9" * 20, Kind.LONG),
        ("1", Kind.BOOLEAN),
        ("AQI", Kind.BLOB),
        ("é", Kind.BLOB),
        ("yesterday", Kind.TIMESTAMP),
    ],
)
def test_texts_of_another_kind_are_refused(text, kind):
    with pytest.raises(ValueError, match=r".*"):
        parse_scalar(text, kind)


@pytest.mark.slow
def test_elements_and_attributes_are_counted():
    few = b"<Delete" + b"".join(b' a%d=""' % n for n in range(9)) + b">"
    filler = b"<Object/>" * (XML_NODES_MAX - 10)
    with pytest.raises(Malformed, match="parent|missing"):
        parse("DeleteObjects", few + filler + b"</Delete>")
    for more in (few + filler + b"<Object/>", few[:-1] + b' more="">' + filler):
        with pytest.raises(Malformed, match="nodes_max"):
            parse("DeleteObjects", more + b"</Delete>")


@pytest.mark.slow
def test_the_longest_list_of_parts_is_read():
    part = b"<Part><ETag>t</ETag><PartNumber>1</PartNumber>%s</Part>" % b"".join(
        b"<Checksum%s>AAAA</Checksum%s>" % (name, name)
        for name in (b"CRC32", b"CRC32C", b"CRC64NVME", b"SHA1", b"SHA256")
    )
    document = b"<CompleteMultipartUpload>%s</CompleteMultipartUpload>" % (part * PART_NUMBER_MAX)
    assert len(parse("CompleteMultipartUpload", document)["Parts"]) == PART_NUMBER_MAX


@pytest.mark.slow
@pytest.mark.parametrize("text", [b" " * 60, b"\n", b"x" * 60])
def test_text_between_many_elements_takes_no_time(text):
    # With the square of its length, this would take minutes.
    part = text + b"<Part><ETag>t</ETag><PartNumber>1</PartNumber></Part>"
    document = b"<CompleteMultipartUpload>%s</CompleteMultipartUpload>" % (part * 10_000)
    if text.isspace():
        assert len(parse("CompleteMultipartUpload", document)["Parts"]) == 10_000
    else:
        with pytest.raises(Malformed, match="text between"):
            parse("CompleteMultipartUpload", document)


def test_namespaces_of_one_element_are_counted():
    def declaring(count):
        names = b" ".join(b'xmlns:a%d="x"' % number for number in range(count))
        return b"<Delete %s><Object><Key>k</Key></Object></Delete>" % names

    assert parse("DeleteObjects", declaring(64))["Objects"] == [{"Key": "k"}]
    with pytest.raises(Malformed, match="namespaces_max"):
        parse("DeleteObjects", declaring(65))
