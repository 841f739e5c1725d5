import pytest

from atoll.core.erasure.field import POLYNOMIAL, invert, multiply, product_table


def slow_multiply(left: int, right: int) -> int:
    """Multiply as polynomials over GF(2), then reduce: the definition."""
    product = 0
    for bit in range(8):
        if right >> bit & 1:
            product ^= left << bit
    for bit in range(15, 7, -1):
        if product >> bit & 1:
            product ^= POLYNOMIAL << (bit - 8)
    return product


def test_products_equal_the_definition():
    assert all(
        multiply(left, right) == slow_multiply(left, right)
        for left in range(0, 256, 7)
        for right in range(256)
    )


def test_every_element_but_zero_has_an_inverse():
    assert all(multiply(element, invert(element)) == 1 for element in range(1, 256))
    assert invert(0) == 0


@pytest.mark.parametrize("factor", [0, 1, 2, 0x8E, 255])
def test_a_product_table_holds_all_products(factor):
    assert list(product_table(factor)) == [multiply(factor, element) for element in range(256)]
