"""Formats of the object layer, one suite for all: golden bytes, round trips, and garbage."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atoll.base.errors import Damaged, FormatUnknown, RecordCorrupt
from atoll.core.formats.bucket_record import BucketRecord, decode_bucket, encode_bucket
from atoll.core.formats.data_ref import StoredRef
from atoll.core.formats.object_record import (
    ObjectHead,
    ObjectSummary,
    PageRef,
    PartEntry,
    PendingUpload,
    StoredChecksum,
    VersionRecord,
    decode_head,
    decode_summary,
    encode_head,
    encode_summary,
)
from atoll.core.formats.part_record import PartRecord, decode_part, encode_part
from atoll.core.formats.parts_manifest import PartsManifest, decode_manifest, encode_manifest
from atoll.core.formats.upload_record import (
    Completion,
    UploadRecord,
    UploadState,
    decode_upload,
    encode_upload,
)
from atoll.core.formats.version_page import IndexPage, LeafPage, decode_page, encode_page

VECTORS = Path(__file__).parents[3] / "vectors" / "formats"

REF = StoredRef(bytes(range(16)), 3, 4, 2, 1 << 20, 123_456_789, False, b"x" * 16)
CHECKSUM = StoredChecksum("CRC32C", b"\x01\x02\x03\x04", composite=True)
VERSION = VersionRecord(
    "17979cff24b3ac806daecac84e0cf730",
    False,
    1_700_000_000_123_456_789,
    123_456_789,
    "d41d8cd98f00b204e9800998ecf8427e",
    -1,
    REF,
    CHECKSUM,
    {"content-type": "text/plain"},
    {"näme": "välue"},
    {"a": "b"},
)
SMALL = VersionRecord("null", False, 17, 5, "5d41402abc4b2a76b9719d911017c592", 5)
MARKER = VersionRecord("0" * 32, True, 19)
PARTS = (PartEntry(1, 5, REF, b"\x09"), PartEntry(10_000, 0, None))
WHOLE = VersionRecord(
    "null", False, 7, 5, "e-2", parts_count=2, part_algorithm="SHA1", parts=PARTS, manifest=REF
)
PAGE = PageRef(REF, 1, 48, 100, 2**63, True)

#: `<module>: <name in its vectors file>` → value, encoder, decoder.
SAMPLES: dict[str, tuple[Any, Callable[[Any], bytes], Callable[[bytes], Any]]] = {
    "bucket_record: bucket": (
        BucketRecord(b"12345678", 7, True, 17, "eu-1", "me", "enabled", {"k": "v"}),
        encode_bucket,
        decode_bucket,
    ),
    "object_record: head": (
        ObjectHead([VERSION, SMALL, MARKER, WHOLE], [PAGE], [PendingUpload(b"token-88", "u")]),
        encode_head,
        decode_head,
    ),
    "object_record: empty head": (ObjectHead([]), encode_head, decode_head),
    "version_page: leaf page": (LeafPage([SMALL, MARKER], b"hello"), encode_page, decode_page),
    "version_page: index page": (IndexPage([PAGE, PAGE]), encode_page, decode_page),
    "parts_manifest: manifest": (PartsManifest(PARTS), encode_manifest, decode_manifest),
    "part_record: part": (
        PartRecord(7, 5, "etag", 18, REF, CHECKSUM, (bytes(16),)),
        encode_part,
        decode_part,
    ),
    "upload_record: open upload": (
        UploadRecord("ab" * 20, UploadState.OPEN, 0, 9, {"content-type": "x/y"}, {}, {}),
        encode_upload,
        decode_upload,
    ),
    "upload_record: completing upload": (
        UploadRecord(
            "ab" * 20,
            UploadState.COMPLETING,
            3,
            9,
            {},
            {"m": "n"},
            {"t": "u"},
            "CRC64NVME",
            False,
            Completion(b"token-88", WHOLE, ("a", "b"), None),
            11,
        ),
        encode_upload,
        decode_upload,
    ),
}


def golden_of(name: str) -> bytes:
    """Return the golden bytes of `<module>: <name>`."""
    module, _, record = name.partition(": ")
    return bytes.fromhex(json.loads((VECTORS / f"{module}_1.json").read_text())[record])


@pytest.mark.parametrize("name", SAMPLES)
def test_golden_bytes_are_written_and_read(name: str) -> None:
    value, encode, decode = SAMPLES[name]
    golden = golden_of(name)
    assert encode(value) == golden
    assert decode(golden) == value


def test_golden_summaries_are_written_and_read() -> None:
    full, plain = golden_of("object_record: summary"), golden_of("object_record: plain summary")
    assert encode_summary(VERSION) == full
    assert decode_summary(full) == ObjectSummary(
        VERSION.modified_ns, VERSION.size_bytes, VERSION.etag, "CRC32C", True
    )
    assert encode_summary(SMALL) == plain
    assert decode_summary(plain) == ObjectSummary(17, 5, SMALL.etag)
    assert encode_summary(MARKER) == b""


@pytest.mark.parametrize("name", SAMPLES)
def test_every_cut_and_every_unknown_format_is_damage(name: str) -> None:
    value, encode, decode = SAMPLES[name]
    raw = encode(value)
    for end in range(len(raw)):
        with pytest.raises(RecordCorrupt):
            decode(raw[:end])
    with pytest.raises(FormatUnknown):
        decode(b"\x02" + raw[1:])


@pytest.mark.parametrize("name", SAMPLES)
def test_a_field_that_this_format_does_not_have_is_damage(name: str) -> None:
    # Ignored, it would be lost at the next write of the record.
    value, encode, decode = SAMPLES[name]
    raw = encode(value)
    assert 0x90 <= raw[1] < 0x9F, "a msgpack array of fewer than 15 elements"
    with pytest.raises(RecordCorrupt):
        decode(raw[:1] + bytes((raw[1] + 1,)) + raw[2:] + b"\xc0")


@pytest.mark.parametrize("name", SAMPLES)
@given(data=st.data())
def test_garbage_is_only_ever_damage(name: str, data: st.DataObject) -> None:
    value, encode, decode = SAMPLES[name]
    raw = bytearray(encode(value))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] = data.draw(st.integers(0, 255))
    with suppress(Damaged):
        decode(bytes(raw))


@given(raw=st.binary(max_size=200))
def test_noise_is_only_ever_damage(raw: bytes) -> None:
    for _, _, decode in SAMPLES.values():
        with suppress(Damaged):
            decode(b"\x01" + raw)


TEXTS = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=2)
REFS = st.builds(
    StoredRef,
    st.binary(min_size=16, max_size=16),
    st.integers(0, 65535),
    st.integers(1, 16),
    st.integers(0, 8),
    st.just(1 << 20),
    st.integers(0, 5 << 40),
    st.booleans(),
    st.sampled_from([b"", b"h" * 16]),
)
VERSIONS = st.builds(
    VersionRecord,
    st.text("0123456789abcdef", min_size=32, max_size=32) | st.just("null"),
    st.booleans(),
    st.integers(0, 2**63 - 1),
    st.integers(0, 5 << 40),
    st.text(max_size=40),
    st.just(-1),
    st.none() | REFS,
    st.none() | st.builds(StoredChecksum, st.text(max_size=9), st.binary(), st.booleans()),
    TEXTS,
    TEXTS,
    TEXTS,
)


@settings(max_examples=40)
@given(versions=st.lists(VERSIONS, max_size=4))
def test_heads_and_pages_come_back_as_they_were(versions: list[VersionRecord]) -> None:
    head = ObjectHead(versions)
    assert decode_head(encode_head(head)) == head
    page = LeafPage(versions, b"")
    assert decode_page(encode_page(page)) == page


def test_a_page_with_other_inline_bytes_than_named_is_corrupt() -> None:
    with pytest.raises(RecordCorrupt):
        decode_page(encode_page(LeafPage([SMALL], b"four")))
