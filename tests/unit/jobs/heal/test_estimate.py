"""How many keys a sweep will meet."""

from atoll.base.ids import DriveId, SetIndex
from atoll.core.placement.cluster_map import ErasureSet
from atoll.core.quorum.sizes import plan_quorums
from atoll.jobs.heal.estimate import estimate_keys


def make_set(index, *drives):
    ids = tuple(DriveId(name) for name in drives)
    return ErasureSet(index=SetIndex(index), drives=ids, quorums=plan_quorums(len(ids)))


def test_every_drive_of_a_set_holds_all_of_its_keys():
    one = make_set(0, "a", "b")
    assert estimate_keys({"a": 100, "b": 90}, [one], [one]) == 100


def test_a_drive_in_two_sets_shares_its_records_between_them():
    sets = [make_set(0, "a", "b"), make_set(1, "b", "c")]
    records = {"a": 10, "b": 40, "c": 30}
    assert estimate_keys(records, sets, sets[:1]) == 20
    assert estimate_keys(records, sets, sets) == 50


def test_nothing_known_is_zero():
    one = make_set(0, "a", "b")
    assert estimate_keys({}, [one], [one]) == 0
