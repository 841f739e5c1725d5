"""The error table: total over the tree of errors."""

import pytest

from atoll.base import errors as e
from atoll.s3.errors import CODES, TABLE, S3Error, classify


def leaves(root: type) -> set[type]:
    below = [cls for cls in root.__subclasses__() if cls.__module__ == "atoll.base.errors"]
    return set().union(*(leaves(cls) for cls in below)) if below else {root}


def test_every_leaf_class_has_a_row():
    assert TABLE.keys() == leaves(e.StoreError)


def test_statuses_follow_the_families():
    for cls, row in TABLE.items():
        if issubclass(cls, e.Unavailable | e.Damaged | e.DriveFault):
            assert row.status >= 500, cls
        else:
            assert row.status < 500 or row.code == "NotImplemented", cls
        assert classify(cls()) == row


def test_a_class_without_a_row_is_answered_as_its_family():
    class Odd(e.Denied):
        """Odd."""

    class Strange(e.Unavailable):
        """Strange."""

    assert classify(Odd()).status == 403
    assert classify(Strange()).status == 503
    assert classify(ZeroDivisionError()).code == "InternalError"


def test_every_code_of_this_protocol_can_be_raised():
    for code, (status, message) in CODES.items():
        row = classify(S3Error(code))
        assert (row.code, row.status, row.message) == (code, status, message)
    with pytest.raises(AssertionError):
        S3Error("NoSuchCode")


def test_own_buckets_are_told_from_foreign_ones():
    assert classify(e.BucketExists(owned=True)).code == "BucketAlreadyOwnedByYou"
    assert classify(e.BucketExists(owned=False)).code == "BucketAlreadyExists"
