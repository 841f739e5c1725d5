"""Register keys."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from atoll.base.names import BucketName, ObjectKey
from atoll.objects.keys import (
    OWNER_BYTES,
    bucket_cell,
    is_upload_id,
    make_upload_id,
    object_cell,
    part_cell,
    part_range,
    prefix_end,
    seal_prefixes,
    split_part_key,
    split_upload_key,
    upload_cell,
)
from atoll.registers.contract import SEAL_PREFIX_BYTES

INCARNATION = b"\xff" * 8
KEYS = st.text(min_size=1, max_size=20).map(lambda text: text.replace("\0", "x").encode())


@given(key=KEYS, number=st.integers(1, 10_000))
def test_uploads_and_parts_live_with_their_object(key: bytes, number: int) -> None:
    upload_id = make_upload_id(17, b"r" * 12)
    assert is_upload_id(upload_id)
    owner = object_cell(INCARNATION, key)
    upload = upload_cell(INCARNATION, key, upload_id)
    part = part_cell(INCARNATION, key, upload_id, number)
    assert owner.place == upload.place == part.place == owner.key
    assert split_upload_key(upload.key) == (ObjectKey(key), upload_id)
    assert split_part_key(part.key) == (ObjectKey(key), upload_id, number)
    for cell, prefix in zip((owner, upload, part), seal_prefixes(INCARNATION), strict=True):
        assert cell.key[:SEAL_PREFIX_BYTES] == prefix
    start, end = part_range(INCARNATION, key, upload_id, number - 1)
    assert start == part.key < end
    assert part_range(INCARNATION, key, upload_id, number)[0] > part.key


@given(left=KEYS, right=KEYS)
def test_registers_sort_as_their_object_keys(left: bytes, right: bytes) -> None:
    ids = make_upload_id(1, b"a" * 12), make_upload_id(2, b"b" * 12)
    cells = [object_cell(INCARNATION, key).key for key in (left, right)]
    uploads = [upload_cell(INCARNATION, key, ids[n]).key for n, key in enumerate((left, right))]
    assert (cells[0] < cells[1]) == (left < right)
    assert (uploads[0] < uploads[1]) == ((left, ids[0]) < (right, ids[1]))


@given(prefix=st.binary(max_size=6), rest=st.binary(max_size=6), other=st.binary(max_size=12))
def test_the_end_of_a_prefix_parts_it_from_what_follows(
    prefix: bytes, rest: bytes, other: bytes
) -> None:
    prefix, other = b"b/" + prefix, b"b/" + other
    assert prefix + rest < prefix_end(prefix)
    if other > prefix and not other.startswith(prefix):
        assert other >= prefix_end(prefix)


def test_upload_ids_from_outside_are_checked() -> None:
    for text in ("", "x" * 40, "ab" * 20 + "\n", "AB" * 20, "ab" * 21):
        assert not is_upload_id(text)


def test_bucket_registers_have_a_namespace_of_their_own() -> None:
    cell = bucket_cell(BucketName("name"))
    assert cell.key == cell.place == b"n/name"
    assert len(b"b/" + INCARNATION) == OWNER_BYTES
