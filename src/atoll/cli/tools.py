"""What commands take from the outside world, in one injectable value.

`run` builds it from the process; tests build their own and pass it as the context's object.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec
import typer

from atoll.base.clock import Clock, Entropy, SystemClock, SystemEntropy

if TYPE_CHECKING:
    from atoll.admin.control import Started
    from atoll.cli.transport import Transport
    from atoll.config.credentials import KeyPair
    from atoll.config.load import Configuration
    from atoll.config.schema import Settings
    from atoll.iam.root import Rotation


class RunNode(Protocol):
    """Run a node until it is told to stop."""

    def __call__(self, configuration: Configuration, announce: Callable[[Started], None]) -> None:
        """Serve; call `announce` once when requests are answered.

        Raises
            ConfigError, StoreError, OSError: the node cannot start.
        """
        ...


class Signer(Protocol):
    """Sign requests by one key pair for one region."""

    def sign(self, *, method: str, url: str, body: bytes) -> dict[str, str]:
        """Return all headers of a signed request."""
        ...

    def presign(self, *, method: str, url: str, expires_s: int) -> str:
        """Return a URL that is valid for `expires_s` seconds."""
        ...


# The modules below are loaded by name when they are used: a node takes most of a second to import,
# a signing client a third, and `atoll calc` or `atoll --help` needs neither.


def _make_signer(pair: KeyPair, region: str) -> Signer:
    signer: Signer = importlib.import_module("atoll.cli.signing").BotoSigner(pair, region)
    return signer


def _make_transport(timeout_s: float, ca_file: str | None) -> Transport:
    transport: Transport = importlib.import_module("atoll.cli.transport").HttpTransport(
        timeout_s=timeout_s, ca_file=ca_file
    )
    return transport


def _run_node(configuration: Configuration, announce: Callable[[Started], None]) -> None:
    importlib.import_module("atoll.node").serve(configuration, announce)


def _rotate_stopped(settings: Settings, pair: KeyPair | None, entropy: Entropy) -> Rotation:
    done: Rotation = importlib.import_module("atoll.node.rotation").rotate_stopped(
        settings, pair, entropy
    )
    return done


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """The outside world of a command."""

    environ: Mapping[str, str]
    clock: Clock
    entropy: Entropy
    sleep: Callable[[float], None]
    #: From a timeout in seconds and a file of trusted certificates.
    make_transport: Callable[[float, str | None], Transport]
    run_node: RunNode
    make_signer: Callable[[KeyPair, str], Signer] = _make_signer
    #: Replace the root pair on drives that no node serves from.
    rotate_stopped: Callable[[Settings, KeyPair | None, Entropy], Rotation] = _rotate_stopped
    #: How the operator can start this program again, quoted for a shell.
    program: str = "atoll"
    #: A Python in which boto3 can be imported, if this one can; quoted for a shell.
    python: str = "python3"


def tools_of(context: typer.Context) -> Tools:
    """Return the tools of a running command."""
    tools = context.find_object(Tools)
    assert tools is not None
    return tools


def make_system_tools() -> Tools:
    """Return the tools of this process."""
    return Tools(
        environ=dict(os.environ),
        clock=SystemClock(),
        entropy=SystemEntropy(),
        sleep=time.sleep,
        make_transport=_make_transport,
        run_node=_run_node,
        program=_find_program(sys.argv[0]),
        python=shlex.quote(sys.executable) if importlib.util.find_spec("boto3") else "python3",
    )


def _find_program(invoked: str) -> str:
    path = Path(invoked)
    if path.name != "atoll":
        return f"{shlex.quote(sys.executable)} -m atoll"
    return "atoll" if "/" not in invoked else shlex.quote(str(path.absolute()))
