import pytest

from atoll.objects.values import Versioning
from atoll.s3.headers.version_ids import shown_version_id, written_version_id
from fakes.s3_call import BUCKET, Bench, wait


@pytest.mark.parametrize(
    ("mode", "found", "asked", "shown"),
    [
        (Versioning.UNSET, "null", None, None),
        (Versioning.UNSET, "null", "null", "null"),
        (Versioning.ENABLED, "null", None, "null"),
        (Versioning.SUSPENDED, "null", None, "null"),
        (Versioning.ENABLED, "v1", None, "v1"),
    ],
)
def test_when_a_read_names_its_version(mode, found, asked, shown):
    bench = Bench()
    bench.version(mode)
    assert wait(shown_version_id(bench.store, BUCKET, found, asked)) == shown


def test_a_write_names_all_but_the_null_version():
    assert written_version_id("null") is None
    assert written_version_id("v1") == "v1"
