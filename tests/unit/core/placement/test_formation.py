"""Formation: who belongs, who is blank, who is refused."""

import itertools

import msgspec
import pytest

from atoll.base.ids import ClusterId, DriveId
from atoll.core.placement.formation import (
    Bereft,
    Claim,
    Formation,
    FormationError,
    Unreadable,
    form,
)
from atoll.core.placement.sets import Layout

LAYOUT = Layout(set_drives=None, parity=None)


def form_now(found, start: int = 0) -> Formation:
    numbers = itertools.count(start)
    return form(found, LAYOUT, new_id=lambda: f"{next(numbers):032}", new_seed=lambda: 7)


@pytest.fixture
def claims() -> list[Claim]:
    """Return what four drives say after their first start."""
    made = form_now([None] * 4)
    return [
        Claim(drive_id=drive_id, generation=1, map=made.map, generations=made.generations)
        for drive_id in made.map.sets[0].drives
    ]


def test_a_first_start_makes_a_drive_of_every_path():
    made = form_now([None] * 4)
    assert made.is_first
    assert [seat.drive_id for seat in made.seats] == list(made.map.sets[0].drives)
    assert not any(seat.is_blank for seat in made.seats)


def test_a_first_start_that_was_cut_short_keeps_its_drive_ids(claims):
    begun = [msgspec.structs.replace(claims[0], is_formed=False), None]
    made = form_now(begun, start=50)
    assert made.is_first
    assert made.seats[0].drive_id == claims[0].drive_id


def test_drives_are_known_in_any_order_and_rise_by_a_generation(claims):
    made = form_now(claims[::-1])
    assert [seat.drive_id for seat in made.seats] == [claim.drive_id for claim in claims[::-1]]
    assert {seat.generation for seat in made.seats} == {2}
    assert made.map == claims[0].map


def test_a_blank_path_takes_the_place_of_the_member_that_is_away(claims):
    made = form_now([claims[0], None, claims[2], claims[3]], start=50)
    assert (made.seats[1].is_blank, made.map.epoch) == (True, 2)
    members = made.map.sets[0].drives
    assert members[1] == made.seats[1].drive_id != claims[1].drive_id
    assert members[::2] == claims[0].map.sets[0].drives[::2]


@pytest.mark.parametrize("here", [0, 3])
def test_drives_that_are_not_mounted_are_not_replaced_by_their_empty_mount_points(claims, here):
    found = [claims[here] if index == here else None for index in range(4)]
    with pytest.raises(FormationError, match="1 of 4 drives are here, and 2 are needed"):
        form_now(found, start=50)
    # All are known again once they are mounted.
    assert form_now(claims, start=50).map == claims[0].map


def test_as_many_blank_paths_as_parity_take_the_places_of_members(claims):
    made = form_now([None, claims[1], None, claims[3]], start=50)
    assert [seat.is_blank for seat in made.seats] == [True, False, True, False]


def test_a_damaged_identity_does_not_count_for_a_rebuild(claims):
    with pytest.raises(FormationError, match="1 of 4 drives are here"):
        form_now([claims[0], Unreadable(reason="damaged"), None, None], start=50)


def test_a_path_too_many_is_refused(claims):
    with pytest.raises(FormationError, match="5 paths were named, but the cluster has 4"):
        form_now([*claims, None])


def test_a_drive_of_another_cluster_is_refused_and_its_place_kept(claims):
    other = msgspec.structs.replace(
        claims[1], map=msgspec.structs.replace(claims[1].map, cluster_id=ClusterId("f" * 32))
    )
    made = form_now([claims[0], other, *claims[2:]])
    assert (made.seats[1].drive_id, made.map) == (None, claims[0].map)
    assert "belongs to another cluster" in made.seats[1].reason


def test_of_two_copies_the_older_one_is_refused(claims):
    copy = msgspec.structs.replace(claims[0], generation=2)
    made = form_now([claims[0], copy, *claims[2:]])
    assert [seat.drive_id is None for seat in made.seats] == [True, False, False, False]
    assert "clone" in made.seats[0].reason


def test_a_drive_behind_what_the_others_noted_is_blank_under_its_own_id(claims):
    noted = {**claims[0].generations, claims[1].drive_id: 5}
    made = form_now([msgspec.structs.replace(claims[0], generations=noted), *claims[1:]])
    seat = made.seats[1]
    assert (seat.drive_id, seat.is_blank, seat.is_rewound) == (claims[1].drive_id, True, True)
    assert seat.generation == 6


def test_a_damaged_identity_keeps_its_place(claims):
    made = form_now([claims[0], Unreadable(reason="rot in /d2"), *claims[2:]])
    assert (made.seats[1].drive_id, made.seats[1].reason) == (None, "rot in /d2")
    assert made.map == claims[0].map
    with pytest.raises(FormationError, match="rot in /d2"):
        form_now([None, Unreadable(reason="rot in /d2")])


def test_a_replaced_device_takes_the_seat_of_the_drive_whose_database_is_left(claims):
    # Both are away; the first path has the database of the second member.
    left = Bereft(owner=claims[1].drive_id, reason="/d1 is blank while /m1 holds a database")
    made = form_now([left, None, *claims[2:]], start=50)
    members = made.map.sets[0].drives
    assert members[1] == made.seats[0].drive_id
    assert members[0] == made.seats[1].drive_id
    assert all(seat.is_blank for seat in made.seats[:2])


@pytest.mark.parametrize(
    ("owner", "part"),
    [("here", "at another path; check the order"), ("strange", "none of this cluster's")],
)
def test_the_database_of_another_drive_is_left_alone(claims, owner, part):
    ids = {"here": claims[0].drive_id, "strange": DriveId("e" * 32)}
    left = Bereft(owner=ids[owner], reason="/d2 is blank while /m2 holds a database")
    made = form_now([claims[0], left, *claims[2:]], start=50)
    assert made.seats[1].drive_id is None
    assert part in made.seats[1].reason
    assert made.map == claims[0].map


def test_databases_without_any_identity_are_no_first_start():
    left = Bereft(owner=DriveId("e" * 32), reason="/d1 is blank while /m1 holds a database")
    with pytest.raises(FormationError, match="/m1 holds a database"):
        form_now([left, None])


def test_a_drive_without_its_database_becomes_another_one_in_its_own_place(claims):
    lost = msgspec.structs.replace(claims[2], has_database=False)
    made = form_now([claims[0], claims[1], None, lost], start=50)
    members = made.map.sets[0].drives
    # The path that lost its database keeps its place; the blank one takes what is left.
    assert members[2] == made.seats[3].drive_id != claims[2].drive_id
    assert members[3] == made.seats[2].drive_id
    assert [seat.reason for seat in made.seats[2:]] == ["is blank", "has lost its database"]
    assert all(seat.is_blank and not seat.is_rewound for seat in made.seats[2:])
