"""The route table: complete against the service model, exact about marks."""

import pytest

from atoll.http.messages import Headers
from atoll.s3.errors import S3Error
from atoll.s3.routes import COPY_SOURCE, UNROUTED, Level, Router, table_rows
from fakes.s3_front import service_model

NO_HEADERS = Headers([])
COPY = Headers([(COPY_SOURCE, "b/k")])
ROUTER = Router()


def marks_in_model(operation) -> frozenset[str]:
    """Return the marks of an operation: its URI's query, required parameters, its copy header."""
    marks = set(operation.request_uri.partition("?")[2].split("&")) - {""}
    for name in operation.input.required if operation.input else ():
        member = operation.input.members[name]
        if member.location == "querystring":
            marks.add(member.wire_name)
        elif member.wire_name == COPY_SOURCE:
            marks.add(f"@{COPY_SOURCE}")
    return frozenset(marks)


def level_in_model(operation) -> Level:
    path = operation.request_uri.partition("?")[0]
    return {"/": Level.SERVICE, "/{Bucket}": Level.BUCKET}.get(path, Level.OBJECT)


def test_the_table_is_what_the_service_model_says():
    routed = {
        action: (method, level, frozenset(marks.split("&")) - {""})
        for method, level, marks, action in table_rows()
        if action != "PostObject"
    }
    modelled = {
        name: (operation.method, level_in_model(operation), marks_in_model(operation))
        for name, operation in service_model().operations.items()
        if name not in UNROUTED
    }
    # The model gives this header to RenameObject as an ordinary member, not as a mark.
    assert routed == modelled


def test_every_operation_is_routed_or_has_a_reason_not_to_be():
    routed = {action for _, _, _, action in table_rows()}
    assert routed & UNROUTED.keys() == set()
    assert service_model().operations.keys() == (routed - {"PostObject"}) | UNROUTED.keys()
    assert all(UNROUTED.values())


def test_no_two_rows_ask_for_the_same():
    keys = [(method, level, marks) for method, level, marks, _ in table_rows()]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("method", "level", "query", "headers", "action"),
    [
        ("GET", Level.SERVICE, {"x-id": "ListBuckets"}, NO_HEADERS, "ListBuckets"),
        ("GET", Level.BUCKET, {"prefix": "acl"}, NO_HEADERS, "ListObjects"),
        ("GET", Level.BUCKET, {"list-type": "2", "prefix": ""}, NO_HEADERS, "ListObjectsV2"),
        ("GET", Level.BUCKET, {"metrics": ""}, NO_HEADERS, "ListBucketMetricsConfigurations"),
        (
            "GET",
            Level.BUCKET,
            {"metrics": "", "id": "1"},
            NO_HEADERS,
            "GetBucketMetricsConfiguration",
        ),
        ("GET", Level.BUCKET, {"id": "1"}, NO_HEADERS, "ListObjects"),
        ("GET", Level.OBJECT, {"partNumber": "1"}, NO_HEADERS, "GetObject"),
        ("HEAD", Level.OBJECT, {"versionId": "v"}, NO_HEADERS, "HeadObject"),
        (
            "GET",
            Level.OBJECT,
            {"uploadId": "u", "part-number-marker": "1"},
            NO_HEADERS,
            "ListParts",
        ),
        ("PUT", Level.OBJECT, {}, NO_HEADERS, "PutObject"),
        ("PUT", Level.OBJECT, {}, COPY, "CopyObject"),
        ("PUT", Level.OBJECT, {"partNumber": "1", "uploadId": "u"}, NO_HEADERS, "UploadPart"),
        ("PUT", Level.OBJECT, {"uploadId": "u", "partNumber": "1"}, COPY, "UploadPartCopy"),
        (
            "POST",
            Level.OBJECT,
            {"select": "", "select-type": "2"},
            NO_HEADERS,
            "SelectObjectContent",
        ),
        ("POST", Level.BUCKET, {}, NO_HEADERS, "PostObject"),
        ("POST", Level.BUCKET, {"delete": ""}, NO_HEADERS, "DeleteObjects"),
    ],
)
def test_marks_choose_the_action(method, level, query, headers, action):
    assert ROUTER.find_action(method, level, query, headers) == action


@pytest.mark.parametrize(
    ("method", "level", "query", "headers", "code"),
    [
        ("PATCH", Level.OBJECT, {}, NO_HEADERS, "MethodNotAllowed"),
        ("POST", Level.OBJECT, {}, NO_HEADERS, "MethodNotAllowed"),
        ("PUT", Level.SERVICE, {}, NO_HEADERS, "MethodNotAllowed"),
        # Ignoring the sub-resource would delete the bucket, or overwrite the object.
        ("DELETE", Level.BUCKET, {"versioning": ""}, NO_HEADERS, "MethodNotAllowed"),
        ("DELETE", Level.OBJECT, {"acl": ""}, NO_HEADERS, "MethodNotAllowed"),
        ("PUT", Level.BUCKET, {"uploads": ""}, NO_HEADERS, "MethodNotAllowed"),
        ("PUT", Level.OBJECT, {"versioning": ""}, NO_HEADERS, "MethodNotAllowed"),
        ("PUT", Level.OBJECT, {"uploadId": "u"}, NO_HEADERS, "InvalidArgument"),
        ("PUT", Level.OBJECT, {"partNumber": "1"}, NO_HEADERS, "InvalidArgument"),
        ("PUT", Level.OBJECT, {"uploadId": "u"}, COPY, "InvalidArgument"),
        ("PUT", Level.BUCKET, {"metrics": ""}, NO_HEADERS, "InvalidArgument"),
        ("GET", Level.BUCKET, {"list-type": "1"}, NO_HEADERS, "InvalidArgument"),
        ("GET", Level.BUCKET, {"acl": "", "policy": ""}, NO_HEADERS, "InvalidArgument"),
        ("PUT", Level.OBJECT, {"tagging": ""}, COPY, "InvalidArgument"),
    ],
)
def test_requests_that_name_no_single_action_are_refused(method, level, query, headers, code):
    with pytest.raises(S3Error) as caught:
        ROUTER.find_action(method, level, query, headers)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("method", "level", "query", "allowed"),
    [
        ("PATCH", Level.OBJECT, {}, "DELETE, GET, HEAD, PUT"),
        ("PUT", Level.SERVICE, {}, "GET"),
        ("DELETE", Level.BUCKET, {"versioning": ""}, "GET, PUT"),
        ("PUT", Level.OBJECT, {"versioning": ""}, ""),
    ],
)
def test_a_refused_method_learns_the_others(method, level, query, allowed):
    with pytest.raises(S3Error) as caught:
        ROUTER.find_action(method, level, query, NO_HEADERS)
    assert caught.value.fields["allow"] == allowed
