"""Conditions of reads and writes."""

from __future__ import annotations

import pytest

from atoll.base.errors import NotModified, ObjectNotFound, PreconditionFailed
from atoll.base.units import NS_PER_S
from atoll.core.formats.object_record import VersionRecord
from atoll.objects.conditions import check_read, check_write
from atoll.objects.values import Conditions

S = NS_PER_S


@pytest.mark.parametrize(
    ("conditions", "etag", "error"),
    [
        (Conditions(), None, None),
        (Conditions(if_match=("e",)), "e", None),
        (Conditions(if_match=("*",)), "e", None),
        (Conditions(if_match=("x", "e")), "e", None),
        (Conditions(if_match=("x",)), "e", PreconditionFailed),
        (Conditions(if_match=("e",)), None, ObjectNotFound),
        (Conditions(if_match=("*",)), None, ObjectNotFound),
        (Conditions(if_none_match=("*",)), None, None),
        (Conditions(if_none_match=("*",)), "e", PreconditionFailed),
        (Conditions(if_none_match=("e",)), "e", PreconditionFailed),
        (Conditions(if_none_match=("x",)), "e", None),
    ],
)
def test_writes_compare_with_the_current_version(
    conditions: Conditions, etag: str | None, error: type[Exception] | None
) -> None:
    if error is None:
        check_write(conditions, etag)
    else:
        with pytest.raises(error):
            check_write(conditions, etag)


@pytest.mark.parametrize(
    ("conditions", "error"),
    [
        (Conditions(), None),
        (Conditions(if_match=("x",)), PreconditionFailed),
        (Conditions(if_match=("e",), if_unmodified_since_ns=1), None),
        (Conditions(if_unmodified_since_ns=99 * S), PreconditionFailed),
        (Conditions(if_unmodified_since_ns=100 * S), None),
        (Conditions(if_none_match=("e",)), NotModified),
        (Conditions(if_none_match=("*",)), NotModified),
        (Conditions(if_none_match=("x",), if_modified_since_ns=100 * S), None),
        (Conditions(if_modified_since_ns=100 * S), NotModified),
        (Conditions(if_modified_since_ns=99 * S), None),
        (Conditions(if_match=("x",), if_none_match=("e",)), PreconditionFailed),
    ],
)
def test_reads_follow_the_order_of_rfc_9110(
    conditions: Conditions, error: type[Exception] | None
) -> None:
    record = VersionRecord("v", False, 100 * S + 7, etag="e")
    if error is None:
        check_read(conditions, record)
    else:
        with pytest.raises(error):
            check_read(conditions, record)
