"""Exit codes, and the one way a command fails.

The codes are part of the interface (docs/operations/exit-codes.md): scripts branch on them.
`CliFailure` carries one line for the operator and a code; `guarded` prints the line to standard
error and ends the command. Other exceptions are bugs and keep their traceback.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from enum import IntEnum
from typing import ParamSpec

import typer

from atoll.config.errors import ConfigError


class ExitCode(IntEnum):
    """How a command ended."""

    OK = 0
    #: What was asked did not succeed: a job failed, damage was not repaired, no such bucket.
    FAILED = 1
    #: Wrong flags, variables, configuration, or no credentials to be found.
    USAGE = 2
    #: No node answers at the endpoint, or its certificate is not trusted.
    UNREACHABLE = 3
    #: The node refused the credentials or the action.
    REFUSED = 4
    #: The node answers that it cannot do this at present.
    NOT_NOW = 5
    #: `atoll serve` could not start: port, drive, permission.
    START = 6
    #: Ended by Ctrl-C.
    INTERRUPTED = 130


class CliFailure(Exception):
    """A command cannot go on."""

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(" ".join(message.split()))
        self.code = code


Parameters = ParamSpec("Parameters")


def guarded(command: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """Return a command that ends with one line and an exit code instead of a traceback."""

    @functools.wraps(command)
    def run(*arguments: Parameters.args, **options: Parameters.kwargs) -> None:
        try:
            command(*arguments, **options)
        except CliFailure as exc:
            print(f"atoll: {exc}", file=sys.stderr)
            raise typer.Exit(exc.code) from exc
        except ConfigError as exc:
            print(f"atoll: {exc}", file=sys.stderr)
            raise typer.Exit(ExitCode.USAGE) from exc

    return run
