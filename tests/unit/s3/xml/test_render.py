"""Answer documents: element order, escapes, lists, attributes, times."""

from datetime import UTC, datetime

import pytest

from atoll.s3.xml.render import escape, render_document, render_structure
from fakes.s3_front import service_model


def output(operation: str):
    return service_model().operations[operation].output


def test_members_stand_in_the_order_of_the_model_under_the_namespace():
    document = render_document(
        "CompleteMultipartUploadResult",
        output("CompleteMultipartUpload"),
        {"ETag": '"e"', "Key": "k", "Bucket": "b", "Location": None},
    )
    assert document == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<CompleteMultipartUploadResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        b'<Bucket>b</Bucket><Key>k</Key><ETag>"e"</ETag></CompleteMultipartUploadResult>'
    )


def test_flat_and_wrapped_lists_differ():
    flat = render_structure(output("DeleteObjects"), {"Deleted": [{"Key": "a"}, {"Key": "b"}]})
    assert flat == "<Deleted><Key>a</Key></Deleted><Deleted><Key>b</Key></Deleted>"
    wrapped = render_structure(output("GetBucketTagging"), {"TagSet": [{"Key": "a", "Value": ""}]})
    assert wrapped == "<TagSet><Tag><Key>a</Key><Value></Value></Tag></TagSet>"
    assert render_structure(output("GetBucketTagging"), {"TagSet": []}) == "<TagSet></TagSet>"
    assert render_structure(output("DeleteObjects"), {"Deleted": []}) == ""


def test_times_have_milliseconds_and_booleans_are_lower_case():
    values = {
        "IsTruncated": False,
        "Contents": [{"LastModified": datetime(2024, 1, 2, tzinfo=UTC)}],
    }
    assert render_structure(output("ListObjectsV2"), values) == (
        "<IsTruncated>false</IsTruncated>"
        "<Contents><LastModified>2024-01-02T00:00:00.000Z</LastModified></Contents>"
    )


def test_an_attribute_declares_its_namespace():
    grant = {"Grantee": {"Type": "CanonicalUser", "ID": 'm"e'}, "Permission": "FULL_CONTROL"}
    assert render_structure(output("GetBucketAcl"), {"Grants": [grant]}) == (
        "<AccessControlList><Grant>"
        '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">'
        '<ID>m"e</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant>'
        "</AccessControlList>"
    )


def test_quotes_stay_in_content_and_not_in_attributes():
    grant = {"Grantee": {"Type": 'C"<', "ID": 'm"<'}}
    assert render_structure(output("GetBucketAcl"), {"Grants": [grant]}).endswith(
        ' xsi:type="C&quot;&lt;"><ID>m"&lt;</ID></Grantee></Grant></AccessControlList>'
    )


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("plain é\n\t", "plain é\n\t"),
        ("<&>\"'", "&lt;&amp;&gt;\"'"),
        ("a\rb", "a&#xd;b"),
        ("\x01\x1f\ufffe", "&#x1;&#x1f;&#xfffe;"),
    ],
)
def test_characters_that_xml_would_change_are_references(text, escaped):
    assert escape(text) == escaped


def test_a_member_the_shape_does_not_have_is_our_mistake():
    with pytest.raises(AssertionError, match="Nonsense"):
        render_structure(output("GetBucketVersioning"), {"Nonsense": "x"})
