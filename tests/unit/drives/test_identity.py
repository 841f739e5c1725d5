"""The identity of a drive: golden document, rot, later versions, replacement, the lock."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.base.errors import Damaged, FormatUnknown, RecordCorrupt
from atoll.base.ids import ClusterId, DriveId, SetIndex
from atoll.core.formats.sealed_json import seal_json
from atoll.core.placement.cluster_map import ClusterMap, ErasureSet
from atoll.core.quorum.sizes import Quorums
from atoll.drives.identity import (
    DriveIdentity,
    DriveLock,
    DriveLocked,
    decode_identity,
    encode_identity,
    read_identity,
    write_identity,
)

VECTORS = json.loads(
    (Path(__file__).parents[2] / "vectors" / "formats" / "drive_identity_1.json").read_text()
)
DRIVES = (DriveId("a" * 32), DriveId("b" * 32))
IDENTITY = DriveIdentity(
    drive_id=DRIVES[0],
    generation=7,
    map=ClusterMap(
        cluster_id=ClusterId("c" * 32),
        epoch=3,
        seed=2**64 - 1,
        sets=(
            ErasureSet(
                index=SetIndex(0),
                drives=DRIVES,
                quorums=Quorums(data=1, parity=1, write=2, read=1),
            ),
        ),
        slot_sets=(0, 0, 0, 0),
    ),
    generations={DRIVES[0]: 6, DRIVES[1]: 9},
    is_formed=True,
)


def test_the_golden_document_is_written_and_read() -> None:
    golden = VECTORS["identity"].encode()
    assert encode_identity(IDENTITY) == golden
    assert decode_identity(golden) == IDENTITY


@given(
    generation=st.integers(0, 2**63 - 1),
    seed=st.integers(0, 2**64 - 1),
    slots=st.lists(st.integers(0, 65535), max_size=8).map(tuple),
    generations=st.dictionaries(st.text("0123456789abcdef", max_size=32), st.integers(0, 99)),
    is_formed=st.booleans(),
)
def test_identities_come_back_as_they_were(
    generation: int,
    seed: int,
    slots: tuple[int, ...],
    generations: dict[str, int],
    is_formed: bool,
) -> None:
    identity = msgspec.structs.replace(
        IDENTITY,
        generation=generation,
        map=msgspec.structs.replace(IDENTITY.map, seed=seed, slot_sets=slots),
        generations=generations,
        is_formed=is_formed,
    )
    assert decode_identity(encode_identity(identity)) == identity


@given(raw=st.binary(max_size=100))
def test_noise_is_only_ever_damage(raw: bytes) -> None:
    with suppress(Damaged):
        decode_identity(raw)


def test_any_flipped_byte_of_the_file_is_found(tmp_path: Path) -> None:
    write_identity(tmp_path, IDENTITY)
    path = tmp_path / "drive.json"
    intact = path.read_bytes()
    for at in range(len(intact)):
        path.write_bytes(intact[:at] + bytes((intact[at] ^ 4,)) + intact[at + 1 :])
        with pytest.raises(RecordCorrupt) as caught:
            read_identity(tmp_path)
        assert caught.value.fields["path"] == str(tmp_path)


def test_an_identity_of_a_later_version_is_not_damage(tmp_path: Path) -> None:
    class Later(msgspec.Struct):
        name_of_drive: str

    (tmp_path / "drive.json").write_bytes(seal_json(Later("x"), 2))
    with pytest.raises(FormatUnknown):
        read_identity(tmp_path)


def test_writing_replaces_and_leaves_nothing_beside(tmp_path: Path) -> None:
    assert read_identity(tmp_path) is None
    write_identity(tmp_path, IDENTITY)
    newer = msgspec.structs.replace(IDENTITY, generation=8)
    write_identity(tmp_path, newer)
    assert read_identity(tmp_path) == newer
    assert [path.name for path in tmp_path.iterdir()] == ["drive.json"]


def test_a_lock_names_its_owner_and_dies_with_it(tmp_path: Path) -> None:
    held = DriveLock.take(tmp_path / "d1")
    with pytest.raises(DriveLocked) as caught:
        DriveLock.take(tmp_path / "d1")
    assert caught.value.fields["pid"] == str(os.getpid())
    held.release()
    held.release()
    DriveLock.take(tmp_path / "d1").release()
