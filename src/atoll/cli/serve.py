"""`atoll serve`: run a node in this process, say where it is and how to use it.

Owns      the start-up text and the sentences of start-up errors.
Does not  build the node (atoll.node) or print a secret: the examples read it from its file.
"""

from __future__ import annotations

import errno
import shlex
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from atoll.admin.control import Started
from atoll.base.errors import StoreError
from atoll.cli.exits import CliFailure, ExitCode
from atoll.cli.options import takes_settings
from atoll.cli.tools import Tools, tools_of
from atoll.config.errors import ConfigError
from atoll.config.load import Configuration
from atoll.core.placement.formation import FormationError

app = typer.Typer()

#: What to do about errors that have one usual cause.
_ADVICE: Final = {
    errno.EADDRINUSE: "; another process has the port: stop it or choose another with --listen",
    errno.EADDRNOTAVAIL: "; --listen takes an address of this machine",
    errno.EACCES: "; atoll needs rights to its drives, and to ports below 1024",
    errno.EPERM: "; atoll needs rights to its drives",
    errno.EROFS: "; a drive must be writable",
    errno.ENOSPC: "; a drive needs free space to start",
    errno.EMFILE: "; raise the limit of open files (ulimit -n)",
}


@app.command("serve")
@takes_settings("node", "both", drives_from="paths")
def serve(
    context: typer.Context,
    configuration: Configuration,
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="DRIVE", help="Drives, instead of --drives."),
    ] = None,
) -> None:
    """Run a node: serve S3 from the drives until SIGTERM or Ctrl-C."""
    tools = tools_of(context)
    del paths  # the decorator has put them in the place of --drives
    for warning in configuration.warnings:
        print(f"atoll: {warning}", file=sys.stderr)

    def announce(started: Started) -> None:
        print(render_started(started, tools), flush=True)

    try:
        tools.run_node(configuration, announce)
    except (OSError, StoreError, FormationError, BaseExceptionGroup) as exc:
        sentence = explain_start(exc)
        if sentence is None:
            raise
        raise CliFailure(f"cannot serve: {sentence}", ExitCode.START) from exc


def explain_start(error: BaseException) -> str | None:
    """Return one sentence for an error that an operator can act on, or None for a bug."""
    if isinstance(error, BaseExceptionGroup):
        sentences = [explain_start(one) for one in error.exceptions]
        return None if None in sentences else sentences[0]
    if isinstance(error, (StoreError, ConfigError, FormationError)):
        return str(error)
    if not isinstance(error, OSError):
        return None
    reason = error.strerror or str(error)
    place = "" if error.filename is None else f"{error.filename}: "
    advice = _ADVICE.get(error.errno or 0, "")
    return f"{place}{reason}{advice}"


def render_started(started: Started, tools: Tools) -> str:
    """Return what a node says once it serves: endpoint, credentials, three examples."""
    url = started.endpoints[0]
    program = tools.program
    keys = "given by the configuration"
    options = f"--endpoint {url} --region {started.region}"
    if started.credentials_path is not None:
        path = Path(started.credentials_path).absolute()
        drive = f"--drive {shlex.quote(str(path.parent))}"
        keys = f"{path} (print them: {program} credentials show --reveal {drive})"
        options += f" {drive}"
    lines = [
        f"Atoll {started.version} serves S3 on {', '.join(started.endpoints)}",
        f"Region {started.region}, {started.drives} drive{'s' if started.drives != 1 else ''}",
        f"Credentials: {keys}",
        "",
        "Try it in another shell. First the credentials, then the AWS CLI, boto3 and curl:",
        f'  eval "$({program} credentials env {options})"',
        f"  aws --endpoint-url {url} s3 mb s3://demo",
        f'  {tools.python} -c \'import boto3; s3 = boto3.client("s3", endpoint_url="{url}"); '
        'print(s3.put_object(Bucket="demo", Key="hello.txt", Body=b"hello")["ETag"])\'',
        f'  curl "$({program} presign demo/hello.txt {options})"',
    ]
    lines += [f"Warning: {warning}" for warning in started.warnings]
    return "\n".join(lines)
