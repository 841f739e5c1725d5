"""The root pair on drives: first start, later starts, damage, rotation."""

import stat

import pytest

from atoll.base.clock import SystemEntropy
from atoll.base.errors import Conflict, FormatUnknown, QuorumLost, RecordCorrupt
from atoll.base.ids import ClusterId
from atoll.config.credentials import KeyPair
from atoll.config.errors import ConfigError
from atoll.core.formats import sealed_json
from atoll.iam.credential_file import StoredPair, read_credential_file, write_credential_file
from atoll.iam.root import RootCredentials, find_stored_pair

CLUSTER = ClusterId("cluster-1")


@pytest.fixture
def drives(tmp_path):
    paths = [tmp_path / f"d{number}" for number in range(4)]
    for path in paths:
        path.mkdir()
    return paths


def load(drives, *, drive_count=4, cluster_id=CLUSTER, given=None):
    return RootCredentials.load(
        drives,
        drive_count=drive_count,
        cluster_id=cluster_id,
        entropy=SystemEntropy(),
        given=given,
    )


def store(drive, generation, access_key, cluster_id=CLUSTER):
    pair = KeyPair(access_key, "secret-of-" + access_key)
    write_credential_file(
        drive, StoredPair(cluster_id=cluster_id, generation=generation, pair=pair)
    )


def test_the_first_start_generates_one_pair_on_every_drive(drives):
    root = load(drives)
    pairs = {read_credential_file(drive).pair for drive in drives}
    assert pairs == {KeyPair(root.access_key, root.secret_of(root.access_key))}
    for drive in drives:
        assert stat.S_IMODE((drive / "credentials").stat().st_mode) == 0o600
        assert [path.name for path in drive.iterdir()] == ["credentials"]
    assert root.path == drives[0] / "credentials"
    assert root.findings == ()


def test_a_later_start_finds_the_same_pair(drives):
    first = load(drives)
    second = load(drives)
    assert second.secret_of(first.access_key) == first.secret_of(first.access_key)


def test_unknown_keys_have_no_secret(drives):
    root = load(drives)
    for unknown in ("", root.access_key[:-1], root.access_key + "x", "\udcff", "é"):
        assert root.secret_of(unknown) is None


def test_the_newest_generation_wins_and_is_repaired_on_the_others(drives):
    store(drives[0], 3, "old")
    store(drives[1], 4, "new")
    (drives[2] / "credentials").write_text("{")
    root = load(drives)
    assert root.access_key == "new"
    assert {read_credential_file(drive).pair.access_key for drive in drives} == {"new"}
    assert any("damaged" in sentence for sentence in root.findings)


def test_a_drive_of_another_cluster_does_not_bring_its_pair(drives):
    store(drives[0], 1, "ours")
    store(drives[1], 99, "theirs", ClusterId("cluster-2"))
    assert load(drives).access_key == "ours"


def test_when_every_file_is_damaged_the_start_is_refused_and_nothing_is_replaced(drives):
    for drive in drives:
        (drive / "credentials").write_text('{"secret_key": "half')
    with pytest.raises(ConfigError, match="damaged file on every drive") as caught:
        load(drives)
    assert "half" not in str(caught.value)
    assert (drives[0] / "credentials").read_text() == '{"secret_key": "half'


def test_a_file_that_others_may_read_is_made_private(drives):
    load(drives)
    (drives[1] / "credentials").chmod(0o644)
    root = load(drives)
    assert stat.S_IMODE((drives[1] / "credentials").stat().st_mode) == 0o600
    assert len(root.findings) == 1
    assert "readable by others" in root.findings[0]


def test_a_drive_that_cannot_be_written_does_not_stop_the_start(drives):
    drives[3].rmdir()
    root = load(drives)
    assert len(root.findings) == 1
    assert "not written" in root.findings[0]
    drives[3].mkdir()
    root.spread(drives[3])
    assert read_credential_file(drives[3]) == read_credential_file(drives[0])


def test_a_generated_pair_that_no_drive_takes_is_refused(drives):
    for drive in drives:
        drive.rmdir()
    with pytest.raises(ConfigError, match="no drive takes the generated pair"):
        load(drives)


def test_a_given_pair_is_used_and_never_written(drives):
    root = load(drives, given=KeyPair("given", "given-secret"))
    assert root.secret_of("given") == "given-secret"
    assert root.path is None
    root.spread(drives[0])
    assert all(not list(drive.iterdir()) for drive in drives)
    with pytest.raises(Conflict, match="given by the configuration"):
        root.rotate()


def test_a_rotation_replaces_the_pair_everywhere_and_refuses_the_old_one(drives):
    root = load(drives)
    old = root.access_key
    done = root.rotate(KeyPair("newroot", "new-secret-key"))
    assert (done.access_key, done.generation, done.failed) == ("newroot", 2, ())
    assert done.written == tuple(map(str, drives))
    assert root.secret_of(old) is None
    assert root.secret_of("newroot") == "new-secret-key"
    assert load(drives).access_key == "newroot"


def test_a_rotation_without_a_pair_generates_one(drives):
    root = load(drives)
    old = root.access_key
    assert root.rotate().access_key not in (old, "")


def test_a_rotation_survives_a_minority_of_missing_drives(drives):
    root = load(drives)
    (drives[0] / "credentials").unlink()
    drives[0].rmdir()
    done = root.rotate(KeyPair("newroot", "new-secret-key"))
    assert done.failed == (str(drives[0]),)
    drives[0].mkdir()
    store(drives[0], 1, "old")
    assert load(drives).access_key == "newroot"


def test_a_rotation_that_reaches_half_of_the_drives_changes_nothing(drives):
    root = load(drives)
    old = root.access_key
    for drive in drives[:2]:
        (drive / "credentials").unlink()
        drive.rmdir()
    with pytest.raises(QuorumLost) as caught:
        root.rotate(KeyPair("newroot", "new-secret-key"))
    assert "new-secret-key" not in str(caught.value)
    assert root.secret_of("newroot") is None
    assert load(drives[2:]).access_key == old


def test_drives_that_are_away_count_against_a_rotation(drives):
    old = load(drives).access_key
    (drives[0] / "credentials").unlink()
    drives[0].rmdir()
    # Three drives take the pair: too few of six, whether a fourth is there or not; enough of five.
    for there in (drives, drives[1:]):
        with pytest.raises(QuorumLost):
            load(there, drive_count=6).rotate(KeyPair("newroot", "new-secret-key"))
        assert load(drives[1:]).access_key == old
    load(drives, drive_count=5).rotate(KeyPair("newroot", "new-secret-key"))
    assert load(drives[1:]).access_key == "newroot"


def test_a_crash_in_the_middle_of_a_rotation_leaves_the_newer_pair(drives):
    load(drives)
    store(drives[2], 2, "newroot")
    (drives[3] / "credentials.tmp").write_text('{"gen')
    root = load(drives)
    assert root.access_key == "newroot"
    assert {read_credential_file(drive).generation for drive in drives} == {2}


def test_a_link_is_not_followed(drives, tmp_path):
    (tmp_path / "secret").write_text("{}")
    (drives[0] / "credentials").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic link"):
        read_credential_file(drives[0])
    load(drives)
    assert not (drives[0] / "credentials").is_symlink()
    assert (tmp_path / "secret").read_text() == "{}"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b"{}", b"{" * 70_000])
def test_garbage_is_damage(drives, content):
    (drives[0] / "credentials").write_bytes(content)
    with pytest.raises(RecordCorrupt):
        read_credential_file(drives[0])


def write_later_format(drive):
    later = sealed_json.seal_json(KeyPair("of-a-later", "version-of-atoll"), 2)
    (drive / "credentials").write_bytes(later)
    return later


def test_a_later_format_is_not_guessed_at(drives):
    write_later_format(drives[0])
    with pytest.raises(FormatUnknown) as caught:
        read_credential_file(drives[0])
    assert caught.value.fields == {"version": 2, "path": str(drives[0] / "credentials")}


def test_a_file_of_a_later_format_is_left_as_it_is(drives):
    store(drives[0], 1, "root")
    later = write_later_format(drives[1])
    root = load(drives)
    assert root.access_key == "root"
    assert (drives[1] / "credentials").read_bytes() == later
    assert read_credential_file(drives[2]) == read_credential_file(drives[0])


def test_a_rotten_letter_of_the_pair_is_not_spread(drives):
    for drive in drives:
        store(drive, 1, "root")
    rotten = drives[1] / "credentials"
    for old, new in ((b"secret-of-root", b"secret-og-root"), (b'"root"', b'"soot"')):
        intact = rotten.read_bytes()
        rotten.write_bytes(intact.replace(old, new))
        root = load(drives)
        assert root.secret_of("root") == "secret-of-root"
        assert rotten.read_bytes() == intact


def test_the_command_line_finds_the_newest_pair_of_any_drive(drives, tmp_path):
    assert find_stored_pair(drives) is None
    store(drives[1], 1, "one")
    store(drives[2], 2, "two")
    (drives[3] / "credentials").write_text("garbage")
    stored, path = find_stored_pair([tmp_path / "missing", *drives])
    assert (stored.pair.access_key, path) == ("two", drives[2] / "credentials")
