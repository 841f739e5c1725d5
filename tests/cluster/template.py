"""Processes forked from one that has imported the node: a start without its second of imports.

Owns      the template process of this test process, and the handles of what was forked from it.
Same      a forked node runs the program's entry point with arguments, environment, directory and
          descriptors of its own, and dies like any other process. Only the imports are shared.
Reaping   this process adopts the node (PR_SET_CHILD_SUBREAPER): the process between ends at once.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_SET_CHILD_SUBREAPER = 36
_REQUEST_BYTES_MAX = 1 << 16


class Forked:
    """A handle like `subprocess.Popen`, as far as a node needs one."""

    def __init__(self, pid: int, output: int) -> None:
        self.pid = pid
        self.stdout = os.fdopen(output, encoding="utf-8")
        self.returncode: int | None = None
        self._watch = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """Return the exit code; None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
                os.close(self._watch)
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Wait for the end. Raises subprocess.TimeoutExpired."""
        end = time.monotonic() + timeout
        while (code := self.poll()) is None:
            left = end - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired("atoll", timeout)
            select.select([self._watch], [], [], left)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


class Template:
    """The process that others are forked from."""

    def __init__(self) -> None:
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, str(Path(__file__)), str(theirs.fileno())]
            self._process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
            )
        atexit.register(self.close)

    def fork(
        self,
        arguments: Sequence[str],
        *,
        directory: Path,
        environment: Mapping[str, str],
        errors: int,
        files_max: int | None,
    ) -> Forked:
        """Start the program; `errors` is the descriptor of its standard error."""
        request = {
            "arguments": list(arguments),
            "directory": str(directory),
            "environment": dict(environment),
            "files_max": files_max,
        }
        output, theirs = os.pipe()
        try:
            socket.send_fds(self._socket, [json.dumps(request).encode()], [theirs, errors])
        finally:
            os.close(theirs)
        pid = int(self._socket.recv(64))
        return Forked(pid, output)

    def close(self) -> None:
        """End the template; what was forked from it goes on."""
        self._socket.close()
        self._process.wait(10.0)


_made: list[Template] = []


def template() -> Template:
    """Return the template of this process, started when first asked for."""
    if not _made:
        _made.append(Template())
    return _made[0]


def _serve(number: int) -> None:
    """Fork for every request, until the other side is closed. Runs in the template."""
    _import_program()
    with socket.socket(fileno=number) as door:
        while True:
            raw, descriptors, _, _ = socket.recv_fds(door, _REQUEST_BYTES_MAX, 2)
            if not raw:
                return
            between = os.fork()
            if not between:
                pid = os.fork()
                if not pid:
                    door.close()
                    _become(json.loads(raw), *descriptors)
                door.send(str(pid).encode())
                os._exit(0)
            os.waitpid(between, 0)
            for descriptor in descriptors:
                os.close(descriptor)


def _import_program() -> None:
    """Import what a node imports. Starts no thread: a fork would not have it."""
    import atoll.node.serve
    from atoll.cli.main import main
    from atoll.cli.tools import make_system_tools
    from atoll.s3.registry import load_actions

    load_actions()
    # A wrong argument makes the command line import all it needs, and ends before it serves.
    with (
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stderr(nowhere),
        contextlib.suppress(SystemExit),
    ):
        main(["serve", "--parity", "many", "--listen", "127.0.0.1:0"], make_system_tools())
    assert threading.active_count() == 1
    assert atoll.node.serve


def _become(request: Any, output: int, errors: int) -> None:  # noqa: ANN401 (decoded JSON)
    """Run the program in this process. Does not return."""
    import resource

    from atoll.cli.main import run

    os.dup2(output, 1)
    os.dup2(errors, 2)
    os.close(output)
    os.close(errors)
    os.chdir(request["directory"])
    os.environ.clear()
    os.environ.update(request["environment"])
    if request["files_max"] is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (request["files_max"],) * 2)
    sys.argv[1:] = request["arguments"]
    run()


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
