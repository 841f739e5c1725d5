"""Commands against a fake node: what they ask, print and end with."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from atoll.admin.control import HealRequest, JobState
from atoll.base.errors import (
    AuthorizationMalformed,
    BucketNotFound,
    Conflict,
    QuorumLost,
    Throttled,
)
from atoll.base.ids import ClusterId
from atoll.cli.exits import CliFailure, ExitCode
from atoll.cli.main import GROUPS, build_app
from atoll.cli.progress import RETRIES_MAX
from atoll.cli.tools import Tools
from atoll.config.credentials import KeyPair
from atoll.config.schema import entries_for
from atoll.drives.identity import DriveLocked
from atoll.iam.credential_file import StoredPair, write_credential_file
from atoll.iam.root import Rotation
from fakes.admin_control import FakeControl, FakeGate, FakeTransport, make_job

KEYS = {"ATOLL_ACCESS_KEY": "AKIDROOT", "ATOLL_SECRET_KEY": "rootsecret"}


class SteppingClock:
    """A clock that sleep moves."""

    def __init__(self):
        self.now_s = 1000.0

    def time_ns(self):
        return int(self.now_s * 1e9)

    def monotonic_s(self):
        return self.now_s

    def sleep(self, seconds):
        self.now_s += seconds


class FixedEntropy:
    def random_bytes(self, count):
        return bytes(range(count))

    def random_u64(self):
        return 7


class Shell:
    """Run commands with a fake node behind them."""

    def __init__(self):
        self.control = FakeControl()
        self.transport = FakeTransport(self.control)
        self.clock = SteppingClock()
        self.made = []
        self.sleep = self.clock.sleep
        #: What rotations of a stopped node come to, in turn.
        self.stopped = []

    def run(self, *arguments, environ=KEYS, stdin=None):
        tools = Tools(
            environ=environ,
            clock=self.clock,
            entropy=FixedEntropy(),
            sleep=lambda seconds: self.sleep(seconds),
            make_transport=self._make_transport,
            run_node=lambda configuration, announce: None,
            rotate_stopped=self._rotate_stopped,
        )
        return CliRunner().invoke(build_app(), list(arguments), obj=tools, input=stdin)

    def _rotate_stopped(self, settings, pair, entropy):
        outcome = self.stopped.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _make_transport(self, timeout_s, ca_file):
        self.made.append((timeout_s, ca_file))
        return self.transport


@pytest.fixture
def shell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Shell()


def test_status_shows_the_node(shell):
    result = shell.run("status")
    assert result.exit_code == ExitCode.OK
    for part in ("drive 4 is missing", "3 of 4 ok", "1.0 TiB free of 4.0 TiB raw", "1,234", "2+2"):
        assert part in result.stdout
    assert json.loads(shell.run("status", "--json").stdout)["sets"][0]["voting"] == 3


def test_drives_lists_them(shell):
    result = shell.run("drives")
    for part in ("/mnt/d1", "missing", "25.0 GiB", "75%", "1,000,000", "no such directory"):
        assert part in result.stdout
    assert json.loads(shell.run("drives", "--json").stdout)["drives"][0]["drive_id"] == "drive-a"


def test_drives_fit_a_narrow_terminal_where_all_is_well(shell):
    shell.control.drive = {"drive_id": "0123456789abcdef" * 2, "state": "ok", "reason": ""}
    header, row = shell.run("drives").stdout.splitlines()
    assert "reason" not in header
    assert row.rstrip().endswith(" 01234567")
    assert len(row.rstrip()) < 80


@pytest.mark.parametrize(
    ("arguments", "request_"),
    [
        ((), HealRequest()),
        (("photos",), HealRequest(bucket="photos")),
        (("s3://photos/a/b", "--verify"), HealRequest(bucket="photos", prefix="a/b", verify=True)),
    ],
)
def test_heal_starts_what_was_asked_and_follows_it_to_the_end(shell, arguments, request_):
    result = shell.run("heal", *arguments)
    assert result.exit_code == ExitCode.OK
    assert shell.control.calls[0] == ("heal", request_)
    assert shell.control.calls.count(("job", "job-1")) == 3
    assert "keys          100 " in result.stdout
    assert "repaired" in result.stdout


def test_scrub_gives_one_json_document(shell):
    result = shell.run("scrub", "--json")
    document = json.loads(result.stdout)
    assert (document["kind"], document["state"], document["done"]) == ("scrub", "done", 100)


def test_a_long_job_tells_rate_and_time_left_where_there_is_no_terminal(shell):
    shell.sleep = lambda seconds: shell.clock.sleep(20)
    result = shell.run("scrub")
    assert "scrub: 40 of 100 keys, 2 keys/s, 8.0 KiB/s, 30.0 s left" in result.stderr


def test_detach_returns_at_once_and_says_how_to_go_on(shell):
    result = shell.run("heal", "--detach")
    assert result.exit_code == ExitCode.OK
    assert "atoll jobs show job-1" in result.stdout
    assert [call[0] for call in shell.control.calls] == ["heal"]


@pytest.mark.parametrize(
    "final",
    [
        {"state": JobState.FAILED, "message": "too few drives"},
        {"state": JobState.CANCELLED},
        {"state": JobState.DONE, "failed": 2},
    ],
)
def test_a_job_that_did_not_succeed_is_a_failed_command(shell, final):
    shell.control.final = final
    assert shell.run("heal").exit_code == ExitCode.FAILED
    assert shell.run("scrub", "--json").exit_code == ExitCode.FAILED


def test_a_node_that_is_away_for_a_moment_is_asked_again(shell):
    faults = [CliFailure("cannot reach", ExitCode.UNREACHABLE)] * RETRIES_MAX

    def sleep(seconds):
        shell.clock.sleep(seconds)
        if faults:
            shell.transport.raises = [faults.pop()]

    shell.sleep = sleep
    result = shell.run("heal")
    assert result.exit_code == ExitCode.OK
    assert faults == []


def test_a_node_that_stays_away_ends_the_command_not_the_job(shell):
    def sleep(seconds):
        shell.transport.raises = [CliFailure("cannot reach it", ExitCode.UNREACHABLE)] * 3

    shell.sleep = sleep
    result = shell.run("heal")
    assert result.exit_code == ExitCode.UNREACHABLE
    assert result.stderr == "atoll: cannot reach it\n"
    assert len(shell.transport.sent) == RETRIES_MAX + 2
    assert shell.control.known_jobs["job-1"].state is JobState.RUNNING


def test_interrupt_leaves_the_job_running(shell):
    def sleep(seconds):
        raise KeyboardInterrupt

    shell.sleep = sleep
    result = shell.run("heal")
    assert result.exit_code == ExitCode.INTERRUPTED
    assert "atoll jobs cancel job-1" in result.stderr


def test_jobs_are_listed_shown_and_cancelled(shell):
    shell.control.known_jobs["job-1"] = make_job(target="photos")
    assert "photos" in shell.run("jobs", "list").stdout
    assert len(json.loads(shell.run("jobs", "list", "--json").stdout)["jobs"]) == 1
    assert json.loads(shell.run("jobs", "show", "job-1", "--json").stdout)["done"] == 40
    assert "cancelled" in shell.run("jobs", "cancel", "job-1").stdout
    missing = shell.run("jobs", "show", "job-2")
    assert missing.exit_code == ExitCode.FAILED
    assert missing.stderr == "atoll: There is no such job. (NotFound, 404)\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BucketNotFound(), ExitCode.FAILED),
        (Conflict("no"), ExitCode.FAILED),
        (QuorumLost(), ExitCode.NOT_NOW),
        (Throttled(), ExitCode.NOT_NOW),
        (RuntimeError("bug"), ExitCode.FAILED),
    ],
)
def test_errors_of_the_node_end_with_their_code_and_one_line(shell, error, code):
    shell.control.raises = error
    result = shell.run("heal", "photos")
    assert result.exit_code == code
    assert result.stderr.startswith("atoll: ")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_wrong_credentials_are_refused(shell):
    shell.transport = FakeTransport(shell.control, FakeGate("OTHER"))
    result = shell.run("status")
    assert result.exit_code == ExitCode.REFUSED
    assert "the node refuses" in result.stderr


def test_a_wrong_region_is_refused(shell):
    shell.control.raises = AuthorizationMalformed("the region 'a' is wrong; expecting 'b'")
    result = shell.run("status")
    assert result.exit_code == ExitCode.REFUSED
    assert "expecting 'b'" in result.stderr


def test_a_node_that_cannot_be_reached(shell):
    shell.transport.raises = [CliFailure("cannot reach it", ExitCode.UNREACHABLE)]
    assert shell.run("status").exit_code == ExitCode.UNREACHABLE


@pytest.mark.parametrize(
    "arguments",
    [
        ("status", "--nothing"),
        ("nothing",),
        ("status", "--endpoint", "x"),
        ("status", "--config", "missing.yaml"),
        ("calc", "--drives", "0"),
        ("calc", "--size", "big"),
        ("calc", "--all", "--parity", "1"),
        ("presign", "b/k", "--method", "POST"),
        ("presign", "b/k", "--expires-s", "604801"),
        ("credentials", "rotate", "--new-access-key", "abc"),
        ("serve", "/a", "--drives", "/b"),
        ("serve", "/d{1..4}"),
    ],
)
def test_wrong_usage(shell, arguments):
    result = shell.run(*arguments)
    assert result.exit_code == ExitCode.USAGE
    assert result.stdout == ""
    assert shell.transport.sent == []


def test_no_credentials_say_where_they_were_looked_for(shell):
    result = shell.run("status", environ={})
    assert result.exit_code == ExitCode.USAGE
    assert "./data/d1" in result.stderr
    assert "--drive" in result.stderr


def keep_pair(drive, generation, access_key):
    drive.mkdir(parents=True)
    pair = KeyPair(access_key, "secret-on-drive")
    write_credential_file(
        drive, StoredPair(cluster_id=ClusterId("c"), generation=generation, pair=pair)
    )


def test_credentials_come_from_a_drive(shell, tmp_path):
    keep_pair(tmp_path / "data" / "other", 1, "INDATA")
    keep_pair(tmp_path / "mnt", 5, "INMOUNT")
    shell.transport.gate.access_key = "INDATA"
    assert shell.run("status", environ={}).exit_code == ExitCode.OK
    shell.transport.gate.access_key = "INMOUNT"
    drive = str(tmp_path / "mnt")
    assert shell.run("status", "--drive", drive, environ={}).exit_code == ExitCode.OK
    assert shell.run("status", environ={"ATOLL_DRIVES": drive}).exit_code == ExitCode.OK


def test_credentials_show_hides_the_secret_unless_asked(shell, tmp_path):
    keep_pair(tmp_path / "data" / "d1", 1, "INDATA")
    hidden = shell.run("credentials", "show", environ={})
    assert "data/d1/credentials" in hidden.stdout
    assert "secret-on-drive" not in hidden.stdout
    shown = shell.run("credentials", "show", "--reveal", "--json", environ={})
    assert json.loads(shown.stdout)["secret_key"] == "secret-on-drive"


def test_credentials_env_is_safe_for_a_shell(shell):
    environ = {"ATOLL_ACCESS_KEY": "abc", "ATOLL_SECRET_KEY": "it's $HOME"}
    lines = shell.run("credentials", "env", environ=environ).stdout.splitlines()
    assert """export AWS_SECRET_ACCESS_KEY='it'"'"'s $HOME'""" in lines
    assert "export AWS_ENDPOINT_URL=http://127.0.0.1:9000" in lines
    # Not every SDK reads both.
    assert {"export AWS_REGION=us-east-1", "export AWS_DEFAULT_REGION=us-east-1"} <= set(lines)


def test_rotate_lets_the_node_generate(shell):
    result = shell.run("credentials", "rotate")
    assert shell.control.calls == [("rotate", None)]
    assert "GENERATED" in result.stdout


def test_rotate_takes_a_secret_from_standard_input(shell):
    arguments = ("--new-access-key", "newroot", "--new-secret-key", "-")
    result = shell.run("credentials", "rotate", *arguments, stdin="typed-secret\n")
    assert shell.control.calls == [("rotate", KeyPair("newroot", "typed-secret"))]
    assert "typed-secret" not in result.output


def test_rotate_reveals_a_pair_made_here_when_asked(shell):
    document = json.loads(shell.run("credentials", "rotate", "--reveal", "--json").stdout)
    pair = shell.control.calls[0][1]
    assert (document["access_key"], document["secret_key"]) == (pair.access_key, pair.secret_key)
    assert document["written"] == ["/mnt/d1", "/mnt/d2"]
    assert document["generation"] == 2


def test_rotate_of_a_stopped_node_asks_nobody(shell):
    done = Rotation(access_key="NEW", generation=3, written=("/mnt/d1",), failed=())
    shell.stopped = [done, DriveLocked("Another process owns this drive.", path="/mnt/d1")]
    arguments = ("credentials", "rotate-stopped")
    assert "NEW" in shell.run(*arguments, environ={}).stdout
    locked = shell.run(*arguments, environ={})
    assert locked.exit_code == ExitCode.NOT_NOW
    assert "/mnt/d1" in locked.stderr
    given = shell.run(*arguments)
    assert given.exit_code == ExitCode.USAGE
    assert "given by the configuration" in given.stderr
    assert shell.transport.sent == []


def test_rotate_sends_no_secret_over_a_plain_network(shell):
    endpoint = ("--endpoint", "http://10.0.0.1:9000")
    refused = shell.run("credentials", "rotate", "--reveal", *endpoint)
    assert refused.exit_code == ExitCode.USAGE
    assert "unencrypted" in refused.stderr
    assert shell.run("credentials", "rotate", *endpoint).exit_code == ExitCode.OK


def test_presign_gives_a_url_without_asking_a_node(shell):
    url = shell.run("presign", "s3://b/a key/é", "--expires-s", "60").stdout.strip()
    assert url.startswith("http://127.0.0.1:9000/b/a%20key/%C3%A9?")
    assert "X-Amz-Expires=60" in url
    assert "X-Amz-Signature=" in url
    assert "rootsecret" not in url
    assert shell.transport.sent == []


def test_calc_compares_every_layout(shell):
    result = shell.run("calc", "--drives", "6", "--size", "4TB", "--all", "--json")
    plans = json.loads(result.stdout)["plans"]
    assert {(plan["set_drives"], plan["parity"]) for plan in plans} >= {(6, 2), (4, 2), (1, 0)}
    lines = shell.run("calc", "--drives", "16", "--size", "20TB", "--all").stdout.splitlines()
    assert "k+m" in lines[1]
    assert max(len(line.rstrip()) for line in lines) <= 80
    one = shell.run("calc", "--drives", "4", "--size", "1TiB", "--rate", "100MiB").stdout
    for part in ("2.0 TiB (50%)", "3, 2 of 4", "2.9 h, reads 2.0 TiB"):
        assert part in one


def test_config_show_explains_and_masks(shell):
    result = shell.run("config", "show", "--explain", "--region", "eu-1")
    assert "environment ATOLL_SECRET_KEY" in result.stdout
    assert "flag --region" in result.stdout
    assert "rootsecret" not in result.output
    rows = json.loads(shell.run("config", "show", "--json").stdout)["settings"]
    assert {row["name"] for row in rows} >= {"region", "endpoint", "drives"}


def test_config_show_can_ask_the_node(shell):
    rows = json.loads(shell.run("config", "show", "--node", "--json").stdout)["settings"]
    assert next(row for row in rows if row["name"] == "region")["value"] == "eu-west-1"


def test_config_show_tells_misspelt_variables(shell):
    result = shell.run("config", "show", environ=KEYS | {"ATOLL_REGOIN": "x"})
    assert "did you mean ATOLL_REGION?" in result.stderr


def test_timeout_and_authorities_reach_the_transport(shell):
    shell.run("status", "--timeout-s", "5s", "--ca-file", "ca.pem")
    assert shell.made == [(5.0, "ca.pem")]


def test_version(shell):
    assert shell.run("version").stdout.startswith("atoll ")
    assert set(json.loads(shell.run("version", "--json").stdout)) == {"version"}


@pytest.mark.parametrize("name", [*GROUPS, "version"])
def test_every_command_has_help(shell, name):
    result = shell.run(name, "--help")
    assert result.exit_code == ExitCode.OK
    assert name in result.stdout


def test_the_help_of_serve_names_every_variable_and_default(shell, monkeypatch):
    # Rich would read square brackets as markup and swallow them.
    monkeypatch.setenv("COLUMNS", "300")
    text = shell.run("serve", "--help").stdout
    for entry in entries_for("node", "both"):
        assert f"({entry.env}" in text
        assert entry.flag in text
    assert "default ./data/d1 ./data/d2" in text
    assert "[::1]:9000" in text


def test_every_exit_code_is_documented():
    page = Path(__file__).parents[3] / "docs" / "operations" / "exit-codes.md"
    text = page.read_text(encoding="utf-8")
    for code in ExitCode:
        assert f"| {int(code)} |" in text
