"""Chunked transfer coding: any cut of the input gives the same content; nothing odd passes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.http.chunked import ChunkedDecoder, ChunkedMalformed

CODED = b"4\r\nWiki\r\n5;name=v\r\npedia\r\n0A\r\n0123456789\r\n0\r\nX-T: v\r\n\r\nGET"
CONTENT = b"Wikipedia0123456789"


def decode(*pieces: bytes) -> tuple[bytes, ChunkedDecoder]:
    decoder = ChunkedDecoder()
    content = b"".join([decoder.decode(piece) for piece in pieces if not decoder.is_complete])
    return content, decoder


def test_content_and_rest() -> None:
    content, decoder = decode(CODED)
    assert content == CONTENT
    assert decoder.is_complete
    assert decoder.rest == b"GET"


@given(st.lists(st.integers(1, len(CODED) - 4), max_size=12))
def test_any_cut_gives_the_same_content(cuts: list[int]) -> None:
    edges = [0, *sorted(set(cuts)), len(CODED)]
    pieces = [CODED[start:end] for start, end in zip(edges, edges[1:], strict=False)]
    content, decoder = decode(*pieces)
    assert content == CONTENT
    assert decoder.rest == b"GET"


def test_byte_by_byte() -> None:
    content, decoder = decode(*[bytes([byte]) for byte in CODED[:-3]])
    assert content == CONTENT
    assert decoder.is_complete


@pytest.mark.parametrize(
    "coded",
    [
        b"\r\n",
        b"g\r\n",
        b"-1\r\n",
        b"+1\r\n",
        b"0x1\r\n",
        b" 1\r\na\r\n",
        b"1 \r\na\r\n",
        b"1_0\r\n",
        b"1\na\n",
        b"1\ra\r\n",
        b"1\r\nab\r\n",
        b"1\r\na\n",
        b"1\r\naXX\r\n",
        b"FFFFFFFFFFFFFFFF\r\n",
        b"1;a\0b\r\n",
        b"1;a\x7f\r\n",
        b"1,a\r\n",
        b"1;" + b"a" * 300 + b"\r\n",
        b"0" * 300,
        b"0\r\nbad trailer\r\n\r\n",
        b"0\r\n folded\r\n\r\n",
        b"0\r\nA: \0\r\n\r\n",
        b"0\r\nA: b\n\r\n",
        b"0\r\n" + b"A: b\r\n" * 2100,
        b"0\r\nA: " + b"b" * 9000,
    ],
)
@pytest.mark.parametrize("is_split", [False, True])
def test_malformed_coding_is_refused(coded: bytes, is_split: bool) -> None:
    pieces = [bytes([byte]) for byte in coded] if is_split else [coded]
    with pytest.raises(ChunkedMalformed):
        decode(*pieces)


def test_an_unfinished_body_is_not_complete() -> None:
    assert not decode(b"4\r\nWi")[1].is_complete
    assert not decode(b"0\r\n")[1].is_complete
