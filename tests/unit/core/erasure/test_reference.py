from itertools import combinations

import pytest

from atoll.core.erasure.field import multiply
from atoll.core.erasure.reference import (
    cauchy_row,
    combine,
    cut_blocks,
    encode,
    invert_matrix,
    rebuild,
)


def test_the_matrix_is_identity_above_cauchy():
    assert [cauchy_row(index, 3) for index in range(3)] == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    # ISA-L gf_gen_cauchy1_matrix: 1 / (row xor column); 1/2 = 0x8e, 1/3 = 0xf4.
    assert cauchy_row(2, 2) == [0x8E, 0xF4]


def test_blocks_are_filled_up_with_zeros():
    assert cut_blocks(b"abcde", 2) == [b"abc", b"de\0"]
    assert cut_blocks(b"ab", 4) == [b"a", b"b", b"\0", b"\0"]


def test_a_single_data_block_is_mirrored():
    assert encode(b"mirror", 1, 1) == [b"mirror", b"mirror"]


@pytest.mark.parametrize(("data", "parity"), [(1, 1), (2, 1), (2, 2), (3, 2), (4, 2)])
def test_any_k_blocks_give_all_blocks(data, parity):
    blocks = encode(bytes(range(1, 38)), data, parity)
    for kept in combinations(range(data + parity), data):
        held = {index: blocks[index] for index in kept}
        assert rebuild(held, data, range(data + parity)) == blocks


def test_fewer_than_k_blocks_are_refused():
    with pytest.raises(ValueError, match="2 blocks are needed, 1 are held"):
        rebuild({0: b"x"}, 2, [1])


def test_the_inverse_matrix_undoes_the_matrix():
    rows = [cauchy_row(index, 3) for index in (1, 3, 4)]
    inverse = invert_matrix(rows)
    product = [[0] * 3 for _ in range(3)]
    for i in range(3):
        for j in range(3):
            for k in range(3):
                product[i][j] ^= multiply(rows[i][k], inverse[k][j])
    assert product == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_a_singular_matrix_has_no_inverse():
    with pytest.raises(ValueError, match="singular"):
        invert_matrix([[1, 2], [1, 2]])


def test_combining_with_factor_one_is_exclusive_or():
    assert combine([1, 1, 0], [b"\x0f", b"\xf0", b"\xff"]) == b"\xff"
