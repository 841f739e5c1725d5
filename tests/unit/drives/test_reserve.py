from pathlib import Path

import pytest

from atoll.base.errors import DriveFault, DriveFull
from atoll.base.units import GIB, MIB, TIB
from atoll.drives.reserve import FileSystemRoom, default_reserve


@pytest.mark.parametrize(
    ("total", "reserve"),
    [
        (64 * MIB, 4 * MIB),
        (256 * MIB, 16 * MIB),
        (GIB, 64 * MIB),
        (4 * GIB, 64 * MIB),
        (100 * GIB, GIB),
        (16 * TIB, 10 * GIB),
    ],
)
def test_the_reserve_scales_with_the_file_system(total, reserve):
    assert default_reserve(total) == reserve


def test_a_write_that_would_touch_the_reserve_is_refused(tmp_path):
    free = FileSystemRoom(tmp_path).measure().free_bytes
    room = FileSystemRoom(tmp_path, reserve_bytes=free // 2)
    room.check(free // 4)
    with pytest.raises(DriveFull) as caught:
        room.check(free * 3 // 4)
    assert caught.value.fields["reserve_bytes"] == free // 2


def test_a_path_that_is_gone_is_a_fault(tmp_path):
    with pytest.raises(DriveFault):
        FileSystemRoom(Path(tmp_path / "gone")).check(0)


def test_what_a_database_owes_counts_as_taken(tmp_path):
    free = FileSystemRoom(tmp_path).measure().free_bytes
    room = FileSystemRoom(tmp_path, reserve_bytes=free // 4)
    calls = []
    room.on_full = lambda: calls.append("wanted")
    room.owed_bytes = lambda: free // 4
    room.check(0)
    assert not calls
    room.check(free * 3 // 8)
    assert calls == ["wanted"], "the flush is asked for before there is no room"
    with pytest.raises(DriveFull):
        room.check(free * 5 // 8)
