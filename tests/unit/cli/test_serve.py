"""`atoll serve`: settings, start-up text, start-up errors."""

import errno

import pytest
from typer.testing import CliRunner

from atoll.admin.control import Started
from atoll.base.clock import SystemClock, SystemEntropy
from atoll.base.errors import DriveFault, DriveStale
from atoll.cli.exits import ExitCode
from atoll.cli.main import build_app, main
from atoll.cli.tools import Tools
from atoll.config.errors import ConfigError
from atoll.core.placement.formation import FormationError

STARTED = Started(
    version="0.1.0",
    endpoints=("http://127.0.0.1:9000", "http://[::1]:9000"),
    region="us-east-1",
    credentials_path="/mnt/my drive/credentials",
    drives=4,
    warnings=("/mnt/d1 and /mnt/d2 are on one file system",),
)


def make_tools(run_node, environ=None):
    return Tools(
        environ=environ or {},
        clock=SystemClock(),
        entropy=SystemEntropy(),
        sleep=lambda seconds: None,
        make_transport=lambda timeout_s, ca_file: None,
        run_node=run_node,
        program="/opt/atoll",
        python="/opt/python",
    )


def serve(*arguments, run_node, environ=None):
    tools = make_tools(run_node, environ)
    return CliRunner().invoke(build_app(("serve",)), ["serve", *arguments], obj=tools)


@pytest.fixture(autouse=True)
def empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_flags_and_arguments_reach_the_node():
    seen = []
    result = serve(
        "/mnt/d{1...2}",
        "/mnt/x",
        "--listen",
        "[::1]:9000",
        "--listen",
        ":80",
        "--access-log",
        run_node=lambda configuration, announce: seen.append(configuration.settings),
        environ={"ATOLL_REGION": "eu-1", "ATOLL_METADATA_PATHS": "/m{1...3}"},
    )
    assert result.exit_code == ExitCode.OK
    (settings,) = seen
    assert settings.drives == ("/mnt/d1", "/mnt/d2", "/mnt/x")
    assert settings.metadata_paths == ("/m1", "/m2", "/m3")
    assert [str(address) for address in settings.listen] == ["[::1]:9000", ":80"]
    assert settings.region == "eu-1"
    assert settings.access_log is True


def test_a_switch_can_be_turned_off():
    seen = []
    serve(
        "--no-access-log",
        run_node=lambda configuration, announce: seen.append(configuration.settings),
        environ={"ATOLL_ACCESS_LOG": "true"},
    )
    assert seen[0].access_log is False


def test_the_start_is_told_with_three_examples_and_no_secret():
    result = serve(run_node=lambda configuration, announce: announce(STARTED))
    text = result.stdout
    for part in (
        "serves S3 on http://127.0.0.1:9000, http://[::1]:9000",
        "/mnt/my drive/credentials",
        "(print them: /opt/atoll credentials show --reveal --drive '/mnt/my drive')",
        "/opt/python -c 'import boto3;",
        'eval "$(/opt/atoll credentials env --endpoint http://127.0.0.1:9000',
        "--drive '/mnt/my drive'",
        "aws --endpoint-url http://127.0.0.1:9000 s3 mb",
        'boto3.client("s3", endpoint_url="http://127.0.0.1:9000")',
        'curl "$(/opt/atoll presign demo/hello.txt',
        "Warning: /mnt/d1 and /mnt/d2 are on one file system",
    ):
        assert part in text


def fail(error):
    def run_node(configuration, announce):
        raise error

    return serve(run_node=run_node)


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (OSError(errno.EADDRINUSE, "address already in use"), "another process has the port"),
        (PermissionError(errno.EACCES, "Permission denied", "/mnt/d1"), "/mnt/d1: Permission"),
        (OSError(errno.EROFS, "Read-only file system", "/mnt/d1"), "must be writable"),
        (DriveFault("The drive is locked.", path="/mnt/d1", pid=77), "path='/mnt/d1', pid=77"),
        (FormationError("no cluster has most drives"), "no cluster has most drives"),
        (
            ExceptionGroup("unhandled errors", [DriveStale("Other cluster.", path="/d")]),
            "Other cluster. (path='/d')",
        ),
    ],
)
def test_a_failed_start_is_one_line(error, part):
    result = fail(error)
    assert result.exit_code == ExitCode.START
    assert result.stderr.startswith("atoll: cannot serve: ")
    assert part in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_wrong_configuration_found_late_is_a_usage_error():
    result = fail(ConfigError("credentials: damaged"))
    assert (result.exit_code, result.stderr) == (ExitCode.USAGE, "atoll: credentials: damaged\n")


@pytest.mark.parametrize(
    "error", [RuntimeError("bug"), ExceptionGroup("two", [OSError("x"), ValueError("bug")])]
)
def test_a_bug_keeps_its_traceback(error):
    assert fail(error).exception is error


def test_main_ends_with_the_exit_code(capsys):
    def run_node(configuration, announce):
        raise OSError(errno.EADDRINUSE, "address already in use")

    with pytest.raises(SystemExit) as caught:
        main(["serve"], make_tools(run_node))
    assert caught.value.code == ExitCode.START
    with pytest.raises(SystemExit) as caught:
        main(["no-such"], make_tools(run_node))
    assert caught.value.code == ExitCode.USAGE
    with pytest.raises(SystemExit) as caught:
        main(["version"], make_tools(run_node))
    assert caught.value.code == ExitCode.OK
    capsys.readouterr()


def test_an_interrupted_start_ends_with_its_own_code(capsys):
    def run_node(configuration, announce):
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as caught:
        main(["serve"], make_tools(run_node))
    assert caught.value.code == ExitCode.INTERRUPTED
    capsys.readouterr()
