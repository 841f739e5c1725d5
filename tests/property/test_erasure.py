"""The erasure code and its formats, for any content, shape and damage."""

from hypothesis import given, settings
from hypothesis import strategies as st

from atoll.base.errors import Damaged
from atoll.base.ids import DataId
from atoll.core.erasure import reference
from atoll.core.erasure.codec import Codec
from atoll.core.erasure.geometry import Geometry, shard_order
from atoll.core.formats.packed_shard import encode_packed
from atoll.core.formats.shard_file import (
    BlockFrames,
    ShardHeader,
    decode_header,
    encode_header,
    file_name,
    parse_file_name,
)

shapes = st.integers(1, 12).flatmap(
    lambda data: st.tuples(st.just(data), st.integers(0, min(data, 16 - data)))
)
contents = st.binary(min_size=1, max_size=300)
data_ids = st.binary(min_size=16, max_size=16).map(DataId)
headers = st.builds(
    lambda place, key, data_id, shape, index, sizes: ShardHeader(
        place, key, data_id, index % (shape[0] + shape[1]), *shape, *sizes
    ),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=1200),
    data_ids,
    shapes,
    st.integers(0, 15),
    st.tuples(st.integers(1, 2**32 - 1), st.integers(0, 2**63)),
)


@given(shapes, contents, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=150)
def test_any_k_blocks_rebuild_the_stripe_as_the_specification_says(shape, content, random):
    data, parity = shape
    codec = Codec(data=data, parity=parity)
    blocks = [bytes(block) for block in codec.encode(content)]
    assert blocks == reference.encode(content, data, parity)
    assert b"".join(blocks[:data])[: len(content)] == content
    kept = random.sample(range(data + parity), data)
    held = {index: blocks[index] for index in kept}
    wanted = range(data + parity) if parity else kept
    rebuilt = codec.rebuild(held, len(content), wanted)
    assert [bytes(block) for block in rebuilt] == [blocks[index] for index in wanted]
    assert reference.rebuild(held, data, wanted) == [blocks[index] for index in wanted]


@given(shapes, st.integers(1, 5000), st.integers(0, 20_000))
def test_blocks_of_all_stripes_hold_the_content_and_little_more(shape, stripe_bytes, data_bytes):
    geometry = Geometry(*shape, stripe_bytes, data_bytes)
    sizes = [geometry.stripe_size(stripe) for stripe in range(geometry.stripes)]
    assert sum(sizes) == data_bytes
    assert all(sizes)
    assert geometry.stripe_size(geometry.stripes) == 0
    blocks = [geometry.block_size(stripe) for stripe in range(geometry.stripes)]
    assert geometry.shard_bytes == sum(blocks)
    for size, block in zip(sizes, blocks, strict=True):
        assert 0 <= block * geometry.data - size < geometry.data


@given(st.integers(1, 5000), st.integers(1, 20_000), st.data())
def test_a_range_lies_in_its_stripes(stripe_bytes, data_bytes, draw):
    geometry = Geometry(2, 1, stripe_bytes, data_bytes)
    first = draw.draw(st.integers(0, data_bytes - 1))
    last = draw.draw(st.integers(first, data_bytes - 1))
    stripes = geometry.stripes_of(first, last)
    assert stripes.start * stripe_bytes <= first < (stripes.start + 1) * stripe_bytes
    assert (stripes.stop - 1) * stripe_bytes <= last < stripes.stop * stripe_bytes
    assert stripes.stop <= geometry.stripes


@given(data_ids, st.integers(1, 16))
def test_each_drive_of_a_set_holds_one_shard(data_id, drives):
    assert sorted(shard_order(data_id, drives)) == list(range(drives))


@given(headers, st.binary(max_size=20))
def test_headers_and_names_decode_to_themselves(header, behind):
    raw = encode_header(header)
    assert decode_header(raw + behind) == (header, len(raw))
    name = file_name(header.set_index & 0xFFFF, header.data_id, header.index)
    assert parse_file_name(name[3:]) == (header.set_index & 0xFFFF, header.data_id, header.index)


@given(st.binary(max_size=300))
def test_garbage_is_never_a_header(raw):
    for candidate in (raw, b"ATOLSHRD" + raw, b"ATOLSHRD\0\1" + raw):
        try:
            decode_header(candidate)
        except Damaged:
            continue
        raise AssertionError("garbage passed for a header")


@given(headers, st.lists(st.binary(min_size=1, max_size=40), max_size=5), st.data())
def test_one_changed_byte_of_a_packed_body_is_found(header, blocks, draw):
    _, body = encode_packed(header, blocks)
    at = draw.draw(st.integers(0, len(body) - 1))
    changed = bytearray(body)
    changed[at] ^= draw.draw(st.integers(1, 255))
    try:
        found, start = decode_header(bytes(changed))
    except Damaged:
        return
    assert found == header
    frames = BlockFrames(header.set_index, header.data_id, header.index)
    read = frames.unwrap(0, bytes(changed), [len(block) for block in blocks], start=start)
    wrong = [number for number, block in enumerate(blocks) if read[number] != block]
    assert len(wrong) == 1
    assert read[wrong[0]] is None
