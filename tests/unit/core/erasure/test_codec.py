import json
from itertools import combinations
from pathlib import Path

import pytest

from atoll.core.erasure import reference
from atoll.core.erasure.codec import Codec

VECTORS = json.loads((Path(__file__).parents[3] / "vectors/erasure/cauchy.json").read_text("utf-8"))
SHAPES = [(1, 0), (4, 0), (1, 1), (2, 1), (2, 2), (4, 2), (5, 3), (12, 4), (8, 8)]


def plain(blocks):
    return [bytes(block) for block in blocks]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['data']}+{v['parity']}")
def test_both_coders_give_the_golden_blocks(vector):
    content = bytes.fromhex(vector["content"])
    expected = [bytes.fromhex(block) for block in vector["blocks"]]
    codec = Codec(data=vector["data"], parity=vector["parity"])
    assert plain(codec.encode(content)) == expected
    assert reference.encode(content, vector["data"], vector["parity"]) == expected


@pytest.mark.parametrize(("data", "parity"), SHAPES)
@pytest.mark.parametrize("size", [1, 2, 5, 13, 100, 4097])
def test_blocks_equal_the_specification(data, parity, size):
    content = bytes((number * 31 + size) & 0xFF for number in range(size))
    assert plain(Codec(data=data, parity=parity).encode(content)) == reference.encode(
        content, data, parity
    )


def test_data_blocks_are_not_copied():
    content = bytes(range(64))
    blocks = Codec(data=2, parity=2).encode(content)
    assert all(block.obj is content for block in blocks[:2])


@pytest.mark.parametrize(("data", "parity"), [(1, 1), (2, 2), (4, 2)])
def test_any_k_blocks_give_the_wanted_ones(data, parity):
    codec = Codec(data=data, parity=parity)
    content = bytes(range(1, 104))
    blocks = plain(codec.encode(content))
    for kept in combinations(range(data + parity), data):
        held = {index: blocks[index] for index in kept}
        wanted = [index for index in range(data + parity) if index not in kept]
        rebuilt = codec.rebuild(held, len(content), wanted)
        assert plain(rebuilt) == [blocks[index] for index in wanted]


def test_held_blocks_are_given_back_as_they_are():
    codec = Codec(data=2, parity=1)
    blocks = codec.encode(b"content!")
    held = {0: blocks[0], 2: blocks[2]}
    assert codec.rebuild(held, 8, [0])[0] is blocks[0]


def test_more_than_k_blocks_may_be_held():
    codec = Codec(data=2, parity=2)
    blocks = plain(codec.encode(b"some content"))
    assert plain(codec.rebuild({0: blocks[0], 2: blocks[2], 3: blocks[3]}, 12, [1])) == [blocks[1]]


def test_too_few_blocks_are_refused():
    with pytest.raises(ValueError, match="2 blocks are needed, 1 are held"):
        Codec(data=2, parity=2).rebuild({0: b"x"}, 2, [1])


def test_without_parity_the_blocks_are_the_content():
    codec = Codec(data=2, parity=0)
    assert plain(codec.encode(b"abc")) == [b"ab", b"c\0"]


def test_an_empty_stripe_is_refused():
    with pytest.raises(ValueError, match="at least one byte"):
        Codec(data=2, parity=2).encode(b"")


def test_many_stripe_sizes_do_not_fill_memory():
    codec = Codec(data=2, parity=1)
    for size in range(1, 200):
        blocks = plain(codec.encode(bytes(size)))
        assert plain(codec.rebuild({1: blocks[1], 2: blocks[2]}, size, [0])) == [blocks[0]]
    assert len(codec._headers) <= 64
