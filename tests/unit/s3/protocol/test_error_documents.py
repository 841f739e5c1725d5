"""Errors as S3 writes them: elements, headers, and where there is no body."""

import xml.etree.ElementTree as ET

import pytest

from atoll.base import errors as e
from atoll.s3.errors import S3Error
from atoll.s3.protocol.error_documents import ErrorContext, render_error, render_plain_error

CONTEXT = ErrorContext("GET", "/b/k", "REQ", "HOST", "b", "k", "bytes=9-")


def read(error: BaseException, context: ErrorContext = CONTEXT):
    row, headers, body = render_error(error, context)
    elements = {child.tag: child.text for child in ET.fromstring(body)} if body else {}
    return row, dict(headers), elements


def test_an_error_names_resource_and_request():
    row, headers, elements = read(e.ObjectNotFound(key=b"k"))
    assert row.status == 404
    assert headers == {"content-type": "application/xml"}
    assert elements == {
        "Code": "NoSuchKey",
        "Message": "The specified key does not exist.",
        "Key": "k",
        "Resource": "/b/k",
        "RequestId": "REQ",
        "HostId": "HOST",
    }


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (e.BucketNotFound(), {"BucketName": "b"}),
        (e.VersionNotFound(version_id="v"), {"Key": "k", "VersionId": "v"}),
        (e.UploadNotFound(upload_id="u"), {"UploadId": "u"}),
        (e.PreconditionFailed(condition="If-Match"), {"Condition": "If-Match"}),
        (e.InvalidRange(size_bytes=5), {"ActualObjectSize": "5", "RangeRequested": "bytes=9-"}),
        (
            e.InvalidArgument("Bad <it>", argument="a", found="<x>"),
            {"Message": "Bad <it>", "ArgumentName": "a", "ArgumentValue": "<x>"},
        ),
        (
            e.TooSmall(number=3, etag="t", size_bytes=1, size_bytes_min=5),
            {"PartNumber": "3", "ETag": "t", "ProposedSize": "1", "MinSizeAllowed": "5"},
        ),
        (e.InvalidPart(number=3, etag="t"), {"PartNumber": "3", "ETag": "t"}),
        (
            e.DigestMismatch(algorithm="MD5"),
            {"Message": "The Content-MD5 you specified did not match what we received."},
        ),
        (
            e.DigestMismatch(algorithm="CRC32"),
            {"Message": "The CRC32 you specified did not match the calculated checksum."},
        ),
        (
            e.MetadataTooLarge(size_bytes=2049, size_bytes_max=2048),
            {"Size": "2049", "MaxSizeAllowed": "2048"},
        ),
        (e.ChecksumMissing("Part 3 lacks it."), {"Message": "Part 3 lacks it."}),
        (S3Error("MethodNotAllowed", method="PATCH"), {"Method": "PATCH"}),
        (e.MethodNotAllowed(version_id="v"), {"Method": "GET", "ResourceType": "DeleteMarker"}),
        (
            S3Error("InvalidStorageClass", storage_class="COLD"),
            {"StorageClassRequested": "COLD"},
        ),
        (e.SignatureMismatch(access_key="AK"), {"AWSAccessKeyId": "AK"}),
    ],
)
def test_facts_become_elements(error, expected):
    elements = read(error)[2]
    assert expected.items() <= elements.items()


def test_faults_of_ours_show_no_facts():
    for error in (e.QuorumLost(bucket="/mnt/d1"), e.Bitrot(key="/mnt/d1"), OSError("/mnt/d1")):
        assert b"/mnt/d1" not in render_error(error, CONTEXT)[2]


def test_errors_of_head_and_not_modified_have_no_body():
    head = ErrorContext("HEAD", "/b/k", "REQ", "HOST", "b", "k")
    assert read(e.ObjectNotFound(), head)[1:] == ({}, {})
    error = e.NotModified(etag="e", modified_ns=0, version_id="v")
    row, headers, elements = read(error)
    assert row.status == 304
    assert headers == {"etag": '"e"', "last-modified": "Thu, 01 Jan 1970 00:00:00 GMT"}
    assert elements == {}
    stored = {"cache-control": "max-age=5", "content-type": "a/b"}
    assert read(e.NotModified(etag="e", headers=stored))[1] == {
        "etag": '"e"',
        "cache-control": "max-age=5",
    }


def test_headers_carry_what_clients_act_on():
    assert read(e.Throttled())[1]["retry-after"] == "1"
    assert read(e.InvalidRange(size_bytes=5))[1]["content-range"] == "bytes */5"
    assert read(e.AuthorizationMalformed(region="here"))[1]["x-amz-bucket-region"] == "here"
    headers = read(e.ObjectNotFound(delete_marker="v"))[1]
    assert (headers["x-amz-delete-marker"], headers["x-amz-version-id"]) == ("true", "v")
    headers = read(e.MethodNotAllowed(version_id="v", modified_ns=0))[1]
    assert (headers["allow"], headers["x-amz-version-id"]) == ("DELETE", "v")
    assert headers["last-modified"] == "Thu, 01 Jan 1970 00:00:00 GMT"


@pytest.mark.parametrize("forbidden", ["\0", "\x01", "\x1f", "\x0b", "\uffff"])
def test_an_error_is_well_formed_whatever_the_request_named(forbidden):
    elements = read(e.InvalidArgument(argument="x", found=f"a{forbidden}b\r<"))[2]
    assert elements["ArgumentValue"] == "a\ufffdb\r<"


def test_errors_before_a_request_are_documents_too():
    body = render_plain_error(code="BadRequest", message="No <b>", request_id="R", host_id="H")
    elements = {child.tag: child.text for child in ET.fromstring(body)}
    assert elements == {"Code": "BadRequest", "Message": "No <b>", "RequestId": "R", "HostId": "H"}


def test_a_refused_method_is_answered_with_those_allowed():
    error = S3Error("MethodNotAllowed", method="PATCH", allow="GET, PUT")
    assert ("allow", "GET, PUT") in read(error)[1].items()
