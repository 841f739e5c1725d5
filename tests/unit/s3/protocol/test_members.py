import pytest

from atoll.base.errors import InvalidArgument
from atoll.s3.protocol import members


def test_absent_members():
    assert members.text({}, "A") is None
    assert members.integer({}, "A") is None
    assert members.flag({}, "A") is False
    assert members.time_ns({}, "A") is None
    assert members.structure({}, "A") == {}
    assert members.version_id({}) is None
    assert members.bounded({}, "A", "a") is None


def test_a_member_of_another_type_is_our_mistake():
    for read in (members.text, members.flag, members.time_ns, members.structure):
        with pytest.raises(AssertionError):
            read({"A": 1.5}, "A")
    with pytest.raises(AssertionError):
        members.integer({"A": True}, "A")


@pytest.mark.parametrize("number", [1, 10_000])
def test_part_numbers(number):
    assert members.part_number({"PartNumber": number}) == number


@pytest.mark.parametrize("number", [None, 0, 10_001])
def test_numbers_that_no_part_has(number):
    with pytest.raises(InvalidArgument):
        members.part_number({"PartNumber": number})


@pytest.mark.parametrize("number", [-1, 2**31])
def test_markers_have_bounds(number):
    with pytest.raises(InvalidArgument) as caught:
        members.bounded({"A": number}, "A", "a-b")
    assert caught.value.fields == {"argument": "a-b", "found": number}
    assert members.bounded({"A": 0}, "A", "a-b") == 0


@pytest.mark.parametrize("version", ["null", "0123456789abcdef" * 2])
def test_version_ids(version):
    assert members.version_id({"VersionId": version}) == version


@pytest.mark.parametrize(
    "version", ["", "v", "NULL", "0" * 31, "0" * 33, "A" * 32, "0" * 32 + "\n"]
)
def test_texts_that_are_no_version_id(version):
    with pytest.raises(InvalidArgument) as caught:
        members.version_id({"VersionId": version})
    assert caught.value.fields == {"argument": "versionId", "found": version}
