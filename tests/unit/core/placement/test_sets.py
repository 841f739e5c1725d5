"""Sets and slots: shapes, balance, stability."""

from collections import Counter

import pytest

from atoll.base.ids import ClusterId, DriveId
from atoll.core.placement.sets import (
    Layout,
    count_sets,
    plan_map,
    plan_replacement,
    plan_sets,
    plan_slots,
)

PINNED = [
    ("drive-001", "drive-000", "drive-004"),
    ("drive-002", "drive-003", "drive-004"),
    ("drive-001", "drive-003", "drive-000"),
    ("drive-002", "drive-001", "drive-003"),
    ("drive-000", "drive-002", "drive-004"),
]


def name_drives(count):
    return [DriveId(f"drive-{number:03}") for number in range(count)]


@pytest.mark.parametrize("count", range(1, 17))
def test_up_to_sixteen_drives_form_one_set_in_the_order_given(count):
    drives = name_drives(count)
    (only,) = plan_sets(drives)
    assert only.drives == tuple(drives)
    assert only.quorums.drives == count


@pytest.mark.parametrize(("count", "size", "sets"), [(32, None, 2), (48, 16, 3), (12, 4, 3)])
def test_multiples_of_the_set_size_are_partitioned(count, size, sets):
    planned = plan_sets(name_drives(count), size)
    assert len(planned) == sets == count_sets(count, size or 16)
    loads = Counter(drive for one in planned for drive in one.drives)
    assert set(loads.values()) == {1}
    assert [one.index for one in planned] == list(range(sets))


OVERLAPPING = [
    (count, size)
    for count in (5, 6, 10, 17, 18, 20, 24, 31, 33, 50, 100)
    for size in (3, 4, 7, 16)
    if count > size and count % size
]


@pytest.mark.parametrize(("count", "size"), OVERLAPPING)
def test_overlapping_sets_load_every_drive_within_a_fifth_of_the_mean(count, size):
    planned = plan_sets(name_drives(count), size)
    loads = Counter(drive for one in planned for drive in one.drives)
    mean = len(planned) * size / count
    assert len(loads) == count
    assert all(0.8 <= load / mean <= 1.2 for load in loads.values())
    assert all(len(set(one.drives)) == size for one in planned)
    assert len(planned) == count_sets(count, size) <= 5 * -(-count // size)


def test_overlapping_sets_do_not_depend_on_the_order_of_drives():
    drives = name_drives(21)
    assert plan_sets(drives, 16) == plan_sets(drives[::-1], 16)


def test_the_sets_of_five_drives_are_pinned():
    # A change of the choice would move every byte of clusters that recompute a lost map.
    planned = plan_sets(name_drives(5), 3)
    assert [one.drives for one in planned] == PINNED


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="found none"):
        plan_sets([])
    with pytest.raises(ValueError, match="found 5"):
        plan_sets(name_drives(4), 5)
    with pytest.raises(ValueError, match="parity must be 0 to 2"):
        plan_sets(name_drives(4), 4, 3)
    with pytest.raises(ValueError, match="one twice"):
        plan_sets([DriveId("a"), DriveId("a")])


@pytest.mark.parametrize("sets", [1, 2, 3, 5, 16, 60])
def test_slots_are_spread_to_within_one(sets):
    held = Counter(plan_slots(7, sets))
    assert len(held) == sets
    assert max(held.values()) - min(held.values()) <= 1


@pytest.mark.parametrize("sets", [1, 2, 3, 5, 8, 16])
def test_one_set_more_moves_few_slots(sets):
    before, after = plan_slots(7, sets), plan_slots(7, sets + 1)
    moved = sum(old != new for old, new in zip(before, after, strict=True))
    # 1024 / (sets + 1) slots must move to fill the set that joins.
    assert moved <= 1.6 * 1024 / (sets + 1)


def test_slots_differ_by_seed():
    assert plan_slots(1, 4) != plan_slots(2, 4)


def test_fewer_slots_than_sets_are_refused():
    with pytest.raises(ValueError, match="found 9"):
        plan_slots(1, 9, 8)


def test_a_map_places_every_key_in_one_of_its_sets():
    cluster_map = plan_map(
        cluster_id=ClusterId("c"),
        epoch=1,
        seed=3,
        drives=name_drives(8),
        layout=Layout(set_drives=4, parity=1),
    )
    assert len(cluster_map.slot_sets) == 1024
    held = Counter(cluster_map.set_of(b"key %d" % number).index for number in range(2000))
    assert set(held) == {0, 1}
    assert min(held.values()) > 800
    assert cluster_map.sets[0].quorums.data == 3


def test_a_replacement_keeps_positions_and_raises_the_epoch():
    drives = name_drives(8)
    before = plan_map(cluster_id=ClusterId("c"), epoch=4, seed=3, drives=drives)
    after = plan_replacement(before, leaving=drives[2], joining=DriveId("fresh"))
    assert after.epoch == 5
    assert after.slot_sets == before.slot_sets
    assert after.sets[0].drives == (*drives[:2], "fresh", *drives[3:])
    with pytest.raises(ValueError, match="of the cluster"):
        plan_replacement(after, leaving=drives[2], joining=DriveId("other"))
    with pytest.raises(ValueError, match="outside the cluster"):
        plan_replacement(after, leaving=drives[1], joining=DriveId("fresh"))
