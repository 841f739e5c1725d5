"""Every action has one permission."""

import inspect

from atoll.s3 import permissions
from atoll.s3.permissions import permission_of
from atoll.s3.routes import table_rows


def test_the_table_names_only_routed_actions():
    routed = {action for _, _, _, action in table_rows()}
    tables = inspect.getmembers(permissions, lambda value: isinstance(value, dict))
    named = {name for key, table in tables if key.endswith("_NAMES") for name in table}
    assert named
    assert named <= routed


def test_reads_of_a_version_need_their_own_permission():
    assert permission_of("GetObject", names_version=False) == "GetObject"
    assert permission_of("GetObject", names_version=True) == "GetObjectVersion"
    assert permission_of("HeadObject", names_version=False) == "GetObject"
    assert permission_of("ListObjectsV2", names_version=True) == "ListBucket"
    assert permission_of("UploadPart", names_version=False) == "PutObject"
