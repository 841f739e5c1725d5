"""aws-chunked framing: published examples, and everything that must be refused."""

import json
from pathlib import Path

import pytest

from atoll.base.errors import IncompleteBody, SignatureMismatch, TrailerMalformed
from atoll.s3.sigv4.chunked import HEADER_BYTES_MAX, TRAILER_BYTES_MAX, ChunkDecoder, ChunkSeed
from atoll.s3.sigv4.keys import SigningKey
from fakes.signing import AMZ_DATE, SCOPE, frame_plain, frame_signed, signing_key

VECTORS = Path(__file__).parents[3] / "vectors" / "sigv4"
STREAMS = json.loads((VECTORS / "streams.json").read_text())
SEED_SIGNATURE = "5" * 64
SEED = ChunkSeed(SigningKey(signing_key()), AMZ_DATE, SCOPE, SEED_SIGNATURE)
CRC = "x-amz-checksum-crc32"


def decode(framed, size, *, seed=SEED, has_trailer=False, announced=(), cut=None):
    decoder = ChunkDecoder(size, seed=seed, has_trailer=has_trailer, announced=announced)
    step = cut or len(framed) or 1
    content = b""
    for start in range(0, len(framed), step):
        content += b"".join(decoder.feed(framed[start : start + step]))
    return content, decoder.finish().fields


@pytest.mark.parametrize("case", STREAMS, ids=lambda case: case["name"])
@pytest.mark.parametrize("cut", [None, 1000])
def test_published_examples_decode(case, cut):
    signature = case["headers"][3][1].rpartition("Signature=")[2]
    framed = b""
    for size, chunk_signature in case["chunks"]:
        framed += f"{size:x};chunk-signature={chunk_signature}\r\n".encode() + b"a" * size
        framed += b"\r\n" if size else b""
    for name, value in case["trailer"]:
        framed += f"{name}:{value}\r\n".encode()
    framed += b"\r\n"
    announced = [name for name, _ in case["trailer"][:1]]
    content, fields = decode(
        framed,
        66560,
        seed=ChunkSeed(SEED.key, AMZ_DATE, SCOPE, signature),
        has_trailer=bool(announced),
        announced=announced,
        cut=cut,
    )
    assert content == b"a" * 66560
    assert list(fields) == announced


@pytest.mark.parametrize("cut", [1, 2, 3, 7, None])
@pytest.mark.parametrize("chunks", [[], [b"a"], [b"hello", b"", b"world"], [b"x" * 300, b"\r\n"]])
def test_signed_bodies_decode(chunks, cut):
    chunks = [chunk for chunk in chunks if chunk]
    content = b"".join(chunks)
    framed = frame_signed(SEED_SIGNATURE, chunks)
    assert decode(framed, len(content), cut=cut) == (content, {})


@pytest.mark.parametrize("end", ["\r\n", "\n\r\n", "\n"])
@pytest.mark.parametrize("cut", [1, 5, None])
def test_trailers_of_all_clients_decode(end, cut):
    fields = {CRC: "AAAAAA=="}
    signed = frame_signed(SEED_SIGNATURE, [b"hello"], fields, end=end)
    plain = frame_plain([b"hel", b"lo"], fields, end=end)
    for framed, seed in ((signed, SEED), (plain, None)):
        found = decode(framed, 5, seed=seed, has_trailer=True, announced=(CRC,), cut=cut)
        assert found == (b"hello", fields)


def test_an_unsigned_body_may_announce_nothing():
    assert decode(frame_plain([b"a"]), 1, seed=None, has_trailer=True) == (b"a", {})


def test_sizes_in_capitals_are_read():
    framed = b"1A\r\n" + b"x" * 26 + b"\r\n0\r\n\r\n"
    assert decode(framed, 26, seed=None, has_trailer=True)[0] == b"x" * 26


@pytest.mark.parametrize(
    ("framed", "size"),
    [
        (b"", 0),
        (b"5\r\nhello\r\n", 5),
        (b"5\r\nhell", 5),
        (b"5\r\nhello\r", 5),
        (b"5", 5),
        (b"5\r\nhello\r\n0\r\n\r\n", 6),
        (b"5\r\nhello\r\n0\r\n\r\n", 4),
        (b"5\r\nhello!\r\n0\r\n\r\n", 5),
        (b"5\r\nhello\n0\r\n\r\n", 5),
        (b"5\nhello\r\n0\r\n\r\n", 5),
        (b"\r\n", 0),
        (b"0x5\r\nhello\r\n0\r\n\r\n", 5),
        (b"+5\r\nhello\r\n0\r\n\r\n", 5),
        (b"-5\r\nhello\r\n0\r\n\r\n", 5),
        (b" 5\r\nhello\r\n0\r\n\r\n", 5),
        (b"5_0\r\nhello\r\n0\r\n\r\n", 5),
        (b"5;name=value\r\nhello\r\n0\r\n\r\n", 5),
        (b"aB\r\n" + b"x" * 171 + b"\r\n0\r\n\r\n", 171),
        (b"00000000000000005\r\nhello\r\n0\r\n\r\n", 5),
        (b"ffffffffffffffff\r\nhello", 5),
    ],
)
@pytest.mark.parametrize("cut", [1, None])
def test_malformed_framing_is_refused(framed, size, cut):
    with pytest.raises(IncompleteBody):
        decode(framed, size, seed=None, has_trailer=True, cut=cut)


@pytest.mark.parametrize("cut", [1, 50, None])
def test_header_lines_are_bounded(cut):
    with pytest.raises(IncompleteBody, match="too long"):
        decode(b"0" * (HEADER_BYTES_MAX + 1), 5, cut=cut)


@pytest.mark.parametrize("cut", [100, None])
def test_trailers_are_bounded(cut):
    framed = b"0\r\nx:" + b"y" * TRAILER_BYTES_MAX
    with pytest.raises(TrailerMalformed):
        decode(framed, 0, seed=None, has_trailer=True, announced=("x",), cut=cut)


@pytest.mark.parametrize(
    ("tail", "announced"),
    [
        (b"", ()),
        (b"\r", ()),
        (b"\r\n", (CRC,)),
        (b"x-amz-checksum-crc32:AA\r\n", (CRC,)),
        (b"x-amz-checksum-crc32:AA\r\n\r\n", ()),
        (b"x-amz-checksum-crc32:AA\r\n\r\nextra", (CRC,)),
        (b"x-amz-checksum-crc32:AA\r\n\r\n\r\n", (CRC,)),
        (b"x-amz-checksum-crc32:AA\r\nx-amz-checksum-crc32:AA\r\n\r\n", (CRC,)),
        (b"x-amz-checksum-crc32:AA\r\nX-AMZ-CHECKSUM-CRC32:AA\r\n\r\n", (CRC,)),
        (b"x-amz-checksum-crc32:AA\r\nother:1\r\n\r\n", (CRC,)),
        (b"x-amz-checksum-sha1:AA\r\n\r\n", (CRC,)),
        (b"x-amz-checksum-crc32\r\n\r\n", (CRC,)),
        (b"x-amz-checksum-crc32:\r\n\r\n", (CRC,)),
        (b"x-amz-checksum-crc32:AA \r\n\r\n", (CRC,)),
        (b":AA\r\n\r\n", (CRC,)),
        (b"x-amz-checksum-crc32:AA\r\nx-amz-trailer-signature:" + b"a" * 64 + b"\r\n\r\n", (CRC,)),
    ],
)
def test_wrong_unsigned_trailers_are_refused(tail, announced):
    with pytest.raises((TrailerMalformed, IncompleteBody)):
        decode(b"1\r\na\r\n0\r\n" + tail, 1, seed=None, has_trailer=True, announced=announced)


def test_bytes_behind_a_body_without_trailer_are_refused():
    framed = frame_signed(SEED_SIGNATURE, [b"hello"])
    for extra in (b"\r\n", b"x", b"x-amz-checksum-crc32:AA\r\n\r\n"):
        with pytest.raises(IncompleteBody):
            decode(framed + extra, 5)
    with pytest.raises(IncompleteBody):
        decode(framed[:-1], 5)


def test_the_chain_begins_with_the_requests_signature():
    framed = frame_signed("6" * 64, [b"hello"])
    with pytest.raises(SignatureMismatch):
        decode(framed, 5)


def test_signed_chunks_cannot_be_exchanged():
    one = frame_signed(SEED_SIGNATURE, [b"first", b"secnd"])
    length = len(b"5;chunk-signature=" + b"0" * 64 + b"\r\nfirst\r\n")
    swapped = one[length : 2 * length] + one[:length] + one[2 * length :]
    with pytest.raises(SignatureMismatch):
        decode(swapped, 10)


def test_the_last_chunk_must_be_signed_too():
    framed = frame_signed(SEED_SIGNATURE, [b"hello", b"world"])
    last = frame_signed(SEED_SIGNATURE, [])
    length = len(framed) - len(last)
    with pytest.raises(SignatureMismatch):
        decode(framed[: length - (length // 2)] + last, 5)


def test_an_unsigned_chunk_in_a_signed_body_is_refused():
    with pytest.raises(IncompleteBody):
        decode(b"5\r\nhello\r\n0\r\n\r\n", 5)


def test_a_signed_body_needs_its_trailer_signature():
    framed = frame_signed(SEED_SIGNATURE, [b"hello"], {CRC: "AAAAAA=="})
    start = framed.index(b"x-amz-trailer-signature")
    with pytest.raises(TrailerMalformed, match="not signed"):
        decode(framed[:start] + b"\r\n", 5, has_trailer=True, announced=(CRC,))
    forged = framed.replace(b"AAAAAA==", b"AAAAAQ==")
    with pytest.raises(SignatureMismatch):
        decode(forged, 5, has_trailer=True, announced=(CRC,))


def test_a_field_behind_the_trailer_signature_is_refused():
    framed = frame_signed(SEED_SIGNATURE, [b"hello"], {CRC: "AAAAAA=="})
    with pytest.raises(TrailerMalformed):
        decode(framed[:-2] + b"x-more:1\r\n\r\n", 5, has_trailer=True, announced=(CRC,))


def test_a_failed_decoder_stays_failed():
    decoder = ChunkDecoder(5, seed=None, has_trailer=True)
    with pytest.raises(IncompleteBody):
        decoder.feed(b"x\r\n")
    with pytest.raises(IncompleteBody):
        decoder.feed(b"5\r\nhello\r\n0\r\n\r\n")
    with pytest.raises(IncompleteBody):
        decoder.finish()
    assert decoder.trailer is None
