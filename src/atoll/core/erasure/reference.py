"""The erasure code in pure Python: the specification that the fast coder must equal, byte by byte.

Owns      the Cauchy matrix, encoding and reconstruction as plain arithmetic. Slow on purpose: one
          line per line of mathematics.
Does not  serve requests; `codec` does, and the same tests and vectors run on both.
Matrix    n rows, k columns. Rows 0…k−1 are the identity; row i ≥ k has 1 / (i xor j) in column j.
          Every square sub-matrix of a Cauchy matrix is invertible, so any k blocks give all others.
Source    ISA-L `gf_gen_cauchy1_matrix`; docs/design/erasure.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from atoll.core.erasure.field import invert, multiply, product_table

Matrix = list[list[int]]


def cauchy_row(index: int, data: int, /) -> list[int]:
    """Return the factors of the data blocks that make the block of shard `index`."""
    if index < data:
        return [int(column == index) for column in range(data)]
    return [invert(index ^ column) for column in range(data)]


def cut_blocks(content: bytes, data: int) -> list[bytes]:
    """Return the data blocks of one stripe, the last ones filled up with zeros."""
    size = -(-len(content) // data)
    return [content[i * size : (i + 1) * size].ljust(size, b"\0") for i in range(data)]


def combine(factors: Sequence[int], blocks: Sequence[bytes]) -> bytes:
    """Return the sum of blocks, each multiplied by its factor."""
    total = 0
    for factor, block in zip(factors, blocks, strict=True):
        if factor:
            total ^= int.from_bytes(block.translate(product_table(factor)), "little")
    return total.to_bytes(len(blocks[0]), "little")


def encode(content: bytes, data: int, parity: int, /) -> list[bytes]:
    """Return the data + parity blocks of one stripe."""
    blocks = cut_blocks(content, data)
    made = [combine(cauchy_row(index, data), blocks) for index in range(data, data + parity)]
    return blocks + made


def rebuild(
    held: Mapping[int, bytes | memoryview], data: int, wanted: Sequence[int]
) -> list[bytes]:
    """Return the wanted blocks of a stripe from `data` held blocks, by shard index.

    Raises
        ValueError: fewer than `data` blocks are held.
    """
    if len(held) < data:
        raise ValueError(f"{data} blocks are needed, {len(held)} are held")
    indexes = sorted(held)[:data]
    blocks = [bytes(held[index]) for index in indexes]
    inverse = invert_matrix([cauchy_row(index, data) for index in indexes])
    originals = [combine(row, blocks) for row in inverse]
    return [combine(cauchy_row(index, data), originals) for index in wanted]


def invert_matrix(matrix: Matrix) -> Matrix:
    """Return the inverse of a square matrix by Gauss-Jordan elimination.

    Raises
        ValueError: the matrix has none.
    """
    size = len(matrix)
    work = [[*row, *(int(column == i) for column in range(size))] for i, row in enumerate(matrix)]
    for column in range(size):
        pivot = next((row for row in range(column, size) if work[row][column]), None)
        if pivot is None:
            raise ValueError("the matrix is singular")
        work[column], work[pivot] = work[pivot], work[column]
        scale = invert(work[column][column])
        work[column] = [multiply(scale, element) for element in work[column]]
        for row in range(size):
            factor = work[row][column]
            if row != column and factor:
                work[row] = [
                    element ^ multiply(factor, leading)
                    for element, leading in zip(work[row], work[column], strict=True)
                ]
    return [row[size:] for row in work]
