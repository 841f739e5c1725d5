"""`atoll credentials`: where the root pair is, its use in a shell, and its rotation.

A secret is printed by `env` and by what has `--reveal`, which exist for that, and nowhere else.
"""

from __future__ import annotations

import shlex
import sys
from typing import Annotated
from urllib.parse import urlsplit

import typer

from atoll.admin.control import RotateView
from atoll.base.errors import StoreError
from atoll.cli.client import connect, find_pair
from atoll.cli.exits import CliFailure, ExitCode
from atoll.cli.options import JsonOption, takes_settings
from atoll.cli.output import print_facts, print_json
from atoll.cli.tools import Tools, tools_of
from atoll.config.credentials import KeyPair, generate_pair, parse_pair
from atoll.config.load import Configuration
from atoll.iam.root import Rotation

app = typer.Typer(no_args_is_help=True)

AccessKeyOption = Annotated[
    str | None, typer.Option("--new-access-key", help="The new access key.")
]
SecretKeyOption = Annotated[
    str | None,
    typer.Option(
        "--new-secret-key",
        help="The new secret key; `-` reads it from standard input, where nobody sees it.",
    ),
]
RevealOption = Annotated[
    bool, typer.Option("--reveal", help="Generate the pair here and print it.")
]

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@app.command("show")
@takes_settings("client", "both")
def show(
    context: typer.Context,
    configuration: Configuration,
    *,
    reveal: Annotated[bool, typer.Option("--reveal", help="Print the secret key too.")] = False,
    json: JsonOption = False,
) -> None:
    """Show where the root pair is kept."""
    pair, path = find_pair(configuration)
    facts = {
        "source": "configuration" if path is None else str(path),
        "access_key": pair.access_key,
    }
    if reveal:
        facts["secret_key"] = pair.secret_key
    if json:
        print_json(facts)
    else:
        print_facts(facts.items())


@app.command("env")
@takes_settings("client", "both")
def env(context: typer.Context, configuration: Configuration) -> None:
    """Print shell lines that let AWS tools use this node: eval "$(atoll credentials env)"."""
    pair, _ = find_pair(configuration)
    lines = {
        "AWS_ACCESS_KEY_ID": pair.access_key,
        "AWS_SECRET_ACCESS_KEY": pair.secret_key,
        # The CLI and boto3 read the second, the other SDKs only the first.
        "AWS_REGION": configuration.settings.region,
        "AWS_DEFAULT_REGION": configuration.settings.region,
        "AWS_ENDPOINT_URL": configuration.settings.endpoint,
    }
    for name, value in lines.items():
        print(f"export {name}={shlex.quote(value)}")
    # A session token of another account would spoil every signature.
    print("unset AWS_SESSION_TOKEN")


@app.command("rotate")
@takes_settings("client", "both")
def rotate(  # noqa: PLR0913 (flags)
    context: typer.Context,
    configuration: Configuration,
    new_access_key: AccessKeyOption = None,
    new_secret_key: SecretKeyOption = None,
    *,
    reveal: RevealOption = False,
    json: JsonOption = False,
) -> None:
    """Replace the root pair on all drives. The old pair is refused from then on."""
    tools = tools_of(context)
    pair = _choose_pair(new_access_key, new_secret_key, tools if reveal else None)
    parts = urlsplit(configuration.settings.endpoint)
    if pair is not None and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise CliFailure(
            f"a secret key must not cross the network unencrypted to {parts.netloc}; use https, "
            "or let the node generate the pair",
            ExitCode.USAGE,
        )
    done = connect(tools, configuration).rotate(pair)
    _print_rotation(done, pair if reveal else None, is_json=json)


@app.command("rotate-stopped")
@takes_settings("client", "both")
def rotate_stopped(  # noqa: PLR0913 (flags)
    context: typer.Context,
    configuration: Configuration,
    new_access_key: AccessKeyOption = None,
    new_secret_key: SecretKeyOption = None,
    *,
    reveal: RevealOption = False,
    json: JsonOption = False,
) -> None:
    """Replace the root pair on the drives of a node that does not run."""
    tools = tools_of(context)
    pair = _choose_pair(new_access_key, new_secret_key, tools if reveal else None)
    if configuration.pair is not None:
        raise CliFailure(
            "the root pair is given by the configuration; change it there", ExitCode.USAGE
        )
    try:
        done = tools.rotate_stopped(configuration.settings, pair, tools.entropy)
    except StoreError as exc:
        raise CliFailure(
            f"cannot rotate: {exc}; where the node runs, use `{tools.program} credentials rotate`",
            ExitCode.NOT_NOW,
        ) from exc
    _print_rotation(done, pair if reveal else None, is_json=json)


def _print_rotation(
    done: RotateView | Rotation, revealed: KeyPair | None, *, is_json: bool
) -> None:
    facts: dict[str, object] = {"access_key": done.access_key, "generation": done.generation}
    facts |= {"written": done.written, "failed": done.failed}
    if revealed is not None:
        facts["secret_key"] = revealed.secret_key
    if is_json:
        print_json(facts)
        return
    print_facts(
        (name, " ".join(value) if isinstance(value, tuple) else str(value))
        for name, value in facts.items()
    )


def _choose_pair(
    access_key: str | None, secret_key: str | None, generator: Tools | None
) -> KeyPair | None:
    """Return the pair that was given, else one by `generator`, else None: the node makes one."""
    if access_key is None and secret_key is None:
        return None if generator is None else generate_pair(generator.entropy)
    if access_key is None or secret_key is None:
        raise CliFailure("--new-access-key and --new-secret-key are given together", ExitCode.USAGE)
    if secret_key == "-":
        secret_key = sys.stdin.readline().rstrip("\r\n")
    return parse_pair(access_key, secret_key)
