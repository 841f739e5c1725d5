"""`atoll presign`: a URL that lets anybody do one thing for a while, for curl and browsers."""

from __future__ import annotations

from typing import Annotated

import typer

from atoll.cli.client import connect
from atoll.cli.exits import CliFailure, ExitCode
from atoll.cli.options import takes_settings
from atoll.cli.tools import tools_of
from atoll.config.load import Configuration

app = typer.Typer()

#: Seven days, AWS's limit for V4.
_EXPIRES_S_MAX = 604_800
_METHODS = ("GET", "PUT", "HEAD", "DELETE")


@app.command("presign")
@takes_settings("client", "both")
def presign(
    context: typer.Context,
    configuration: Configuration,
    target: Annotated[str, typer.Argument(metavar="BUCKET[/KEY]", help="s3:// is allowed.")],
    method: Annotated[str, typer.Option("--method", help="GET, PUT, HEAD or DELETE.")] = "GET",
    expires_s: Annotated[
        int, typer.Option("--expires-s", help="Seconds of validity, at most 604800.")
    ] = 3600,
) -> None:
    """Print a presigned URL. It needs no node and is checked by none until it is used."""
    verb = method.upper()
    if verb not in _METHODS:
        raise CliFailure(f"--method: expected one of {', '.join(_METHODS)}", ExitCode.USAGE)
    if not 1 <= expires_s <= _EXPIRES_S_MAX:
        raise CliFailure(
            f"--expires-s: expected 1 to {_EXPIRES_S_MAX}, found {expires_s}", ExitCode.USAGE
        )
    client = connect(tools_of(context), configuration)
    print(client.presign(verb, target.removeprefix("s3://"), expires_s))
