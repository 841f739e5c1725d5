from collections import Counter

import pytest

from atoll.core.erasure.geometry import Geometry, shard_order


def test_blocks_of_a_full_and_a_last_stripe():
    geometry = Geometry(data=3, parity=1, stripe_bytes=100, data_bytes=250)
    assert geometry.stripes == 3
    assert geometry.block_bytes == 34
    assert [geometry.stripe_size(stripe) for stripe in range(4)] == [100, 100, 50, 0]
    assert [geometry.block_size(stripe) for stripe in range(4)] == [34, 34, 17, 0]
    assert geometry.shard_bytes == 34 + 34 + 17


def test_content_of_whole_stripes_has_no_short_block():
    geometry = Geometry(data=2, parity=2, stripe_bytes=64, data_bytes=128)
    assert geometry.stripes == 2
    assert geometry.shard_bytes == 64


def test_empty_content_has_no_stripes():
    geometry = Geometry(data=2, parity=2, stripe_bytes=64, data_bytes=0)
    assert (geometry.stripes, geometry.shard_bytes) == (0, 0)


@pytest.mark.parametrize(
    ("first", "last", "stripes"),
    [(0, 0, range(1)), (63, 64, range(2)), (64, 127, range(1, 2)), (0, 127, range(2))],
)
def test_a_range_touches_only_its_stripes(first, last, stripes):
    assert Geometry(2, 2, 64, 128).stripes_of(first, last) == stripes


@pytest.mark.parametrize("drives", [1, 2, 4, 6, 16])
def test_shard_order_is_a_rotation_and_depends_on_the_data_id_only(drives):
    data_id = bytes(range(16))
    order = shard_order(data_id, drives)
    assert sorted(order) == list(range(drives))
    assert all((order[i] + 1) % drives == order[(i + 1) % drives] for i in range(drives))
    assert shard_order(data_id, drives) == order


def test_first_shards_spread_over_the_drives():
    first = Counter(shard_order(number.to_bytes(16, "big"), 4)[0] for number in range(4000))
    assert all(900 < count < 1100 for count in first.values())


def test_shard_order_of_a_known_id_never_changes():
    # A different answer would make every stored shard look misplaced.
    assert shard_order(bytes(16), 4) == (0, 1, 2, 3)
    assert shard_order(bytes(range(16)), 6) == (3, 4, 5, 0, 1, 2)
