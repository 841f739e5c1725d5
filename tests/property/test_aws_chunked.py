"""aws-chunked bodies: every cut decodes the same, every changed byte is seen."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from atoll.base.errors import StoreError
from atoll.s3.sigv4.chunked import ChunkDecoder, ChunkSeed
from atoll.s3.sigv4.keys import SigningKey
from fakes.signing import AMZ_DATE, SCOPE, frame_plain, frame_signed, signing_key

SEED_SIGNATURE = "5" * 64
SEED = ChunkSeed(SigningKey(signing_key()), AMZ_DATE, SCOPE, SEED_SIGNATURE)
TRAILER = {"x-amz-checksum-crc32c": "sOO8/Q=="}
CHUNKS = st.lists(st.binary(min_size=1, max_size=40), max_size=4)


def decoder_for(size, mode):
    return ChunkDecoder(
        size,
        seed=None if mode == "plain" else SEED,
        has_trailer=mode != "signed",
        announced=() if mode == "signed" else tuple(TRAILER),
    )


def frame(chunks, mode, end="\r\n"):
    if mode == "plain":
        return frame_plain(chunks, TRAILER, end=end)
    return frame_signed(SEED_SIGNATURE, chunks, None if mode == "signed" else TRAILER, end=end)


MODES = st.sampled_from(["signed", "signed-trailer", "plain"])
ENDS = st.sampled_from(["\r\n", "\n\r\n"])


@given(chunks=CHUNKS, mode=MODES, end=ENDS, data=st.data())
def test_any_cut_decodes_the_same(chunks, mode, end, data):
    framed = frame(chunks, mode, end)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(framed)), max_size=8)))
    content = b"".join(chunks)
    decoder = decoder_for(len(content), mode)
    found = b""
    for start, stop in zip([0, *cuts], [*cuts, len(framed)], strict=True):
        found += b"".join(decoder.feed(framed[start:stop]))
    trailer = decoder.finish()
    assert found == content
    assert trailer.fields == ({} if mode == "signed" else TRAILER)


@settings(max_examples=150)
@given(
    chunks=CHUNKS,
    mode=st.sampled_from(["signed", "signed-trailer"]),
    end=ENDS,
    place=st.integers(0, 10_000),
    change=st.integers(1, 255),
)
@example(chunks=[b"x" * 10], mode="signed", end="\r\n", place=0, change=0x20)
def test_any_changed_byte_of_a_signed_body_is_refused(chunks, mode, end, place, change):
    framed = bytearray(frame(chunks, mode, end))
    place %= len(framed)
    before = framed[place : place + 1]
    framed[place] ^= change
    content = b"".join(chunks)
    decoder = decoder_for(len(content), mode)
    try:
        found = b"".join(decoder.feed(bytes(framed)))
        decoder.finish()
    except StoreError:
        return
    # The only bytes that no signature covers are the digits of a size: their case says nothing.
    assert found == content
    assert framed[place : place + 1].lower() == before.lower()
    assert before.lower() in b"abcdef"


@given(chunks=CHUNKS, mode=MODES, data=st.data())
def test_any_cut_off_end_is_refused(chunks, mode, data):
    framed = frame(chunks, mode)
    length = data.draw(st.integers(0, len(framed) - 1))
    decoder = decoder_for(len(b"".join(chunks)), mode)
    try:
        decoder.feed(framed[:length])
        decoder.finish()
    except StoreError:
        return
    raise AssertionError("a truncated body was taken")


@given(st.binary(max_size=300), MODES)
def test_garbage_raises_only_errors_of_ours(garbage, mode):
    decoder = decoder_for(100, mode)
    try:
        decoder.feed(garbage)
        decoder.finish()
    except StoreError:
        return
    raise AssertionError("garbage was taken")
