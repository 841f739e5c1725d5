"""Actions are found by their files."""

import asyncio

from atoll.s3.registry import load_actions, module_name
from atoll.s3.routes import table_rows


def test_names_of_files():
    assert module_name("ListObjectsV2") == "list_objects_v2"
    assert module_name("GetBucketAcl") == "get_bucket_acl"


def test_every_function_belongs_to_a_route_and_is_asynchronous():
    routed = {action for _, _, _, action in table_rows()}
    found = load_actions()
    assert found.keys() <= routed
    assert all(asyncio.iscoroutinefunction(function) for function in found.values())
    assert {
        "PutObject",
        "GetObject",
        "CreateBucket",
        "ListObjectsV2",
        "GetBucketAcl",
    } <= found.keys()
    assert "SelectObjectContent" not in found
