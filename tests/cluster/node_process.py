"""One node as a real process: start, stop, kill, and what it says of itself.

Owns      the child process, its output and its port. Does not own the drives: they are the test's.
Port      the first start asks the kernel for a free port; a later start of the same node does too,
          so
          a client asks `port` for every connection.
Start     forked from a template that has imported the program (template.py), which is most of what
          a start costs; with `preload`, or where `fresh`, a program of its own.
Faults    `preload` runs the node under the file system shim; `files_max` limits its descriptors.
"""

from __future__ import annotations

import json
import os
import re
import resource
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from cluster.template import Forked, template

_SERVES = re.compile(r"serves S3 on https?://[^ ]*:(\d+)")


def wait_until(is_so: Callable[[], bool], within_s: float) -> float:
    """Ask until it is so, failing the test after `within_s`; return the seconds it took."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < within_s, f"not so within {within_s} s"
        time.sleep(0.05)
    return time.monotonic() - began


class StartFailed(Exception):
    """The node ended before it served. Fields `code`, `errors`."""

    def __init__(self, code: int, errors: str) -> None:
        super().__init__(f"exit code {code}: {errors[-400:]}")
        self.code = code
        self.errors = errors


class NodeProcess:
    """A node that can be started again and again on the same drives."""

    def __init__(
        self,
        home: Path,
        *,
        drives: int | Sequence[Path] = 4,
        options: Sequence[str] = (),
        preload: dict[str, str] | None = None,
        files_max: int | None = None,
        fresh: bool = False,
    ) -> None:
        self.home = home
        self.drives = (
            [home / "drives" / f"d{number + 1}" for number in range(drives)]
            if isinstance(drives, int)
            else list(drives)
        )
        self.options = list(options)
        self.preload = preload or {}
        self.files_max = files_max
        self.fresh = fresh
        self.port = 0
        #: The line in which the node said where it serves.
        self.said = ""
        self.start_s = 0.0
        self._process: subprocess.Popen[str] | Forked | None = None
        self._keys: tuple[str, str] | None = None
        self._starts = 0

    def __enter__(self) -> NodeProcess:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """Return the id of the running process."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Return whether the process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def errors(self) -> str:
        """Return what the present or last process wrote on standard error."""
        return self._error_path().read_text("utf-8", "replace")

    @property
    def keys(self) -> tuple[str, str]:
        """Return the root pair, from the first drive that has it."""
        if self._keys is None:
            held = json.loads((self.drives[0] / "credentials").read_text("utf-8"))
            self._keys = held["access_key"], held["secret_key"]
        return self._keys

    def forget_keys(self) -> None:
        """Read the root pair anew: the drives were formed again."""
        self._keys = None

    def start(self, within_s: float = 30.0) -> NodeProcess:
        """Start the node and wait until it serves.

        Raises
            StartFailed: it ended instead.
        """
        assert not self.is_running
        self._starts += 1
        self.home.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        with self._error_path().open("w", encoding="utf-8") as errors:
            self._process = self._spawn(errors.fileno())
        self._wait_served(within_s)
        self.start_s = time.monotonic() - began
        return self

    def stop(self, within_s: float = 30.0) -> int:
        """Stop with SIGTERM; return the exit code."""
        return self._end(signal.SIGTERM, within_s)

    def kill(self) -> None:
        """End without a warning. May be called when it does not run."""
        self._end(signal.SIGKILL, 10.0)

    def signal(self, number: int) -> None:
        """Send a signal to the running process."""
        os.kill(self.pid, number)

    def wait(self, within_s: float) -> int:
        """Wait for the end; return the exit code."""
        assert self._process is not None
        code = self._process.wait(within_s)
        if self._process.stdout is not None:
            self._process.stdout.close()
        return code

    def rss_bytes(self) -> int:
        """Return the resident memory of the process."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text("ascii").split()[1])
        return pages * resource.getpagesize()

    def peak_bytes(self) -> int:
        """Return the most resident memory that the process ever had."""
        status = Path(f"/proc/{self.pid}/status").read_text("ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024

    def descriptors(self) -> int:
        """Return the number of open file descriptors."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def _spawn(self, errors: int) -> subprocess.Popen[str] | Forked:
        paths = [str(path) for path in self.drives]
        arguments = ["serve", *paths, "--listen", "127.0.0.1:0", *self.options]
        if not self.preload and not self.fresh:
            return template().fork(
                arguments,
                directory=self.home,
                environment=self._environment(),
                errors=errors,
                files_max=self.files_max,
            )
        assert self.files_max is None
        return subprocess.Popen(
            [sys.executable, "-m", "atoll", *arguments],
            cwd=self.home,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ATOLL_")}
        return {**kept, **self.preload}

    def _error_path(self) -> Path:
        return self.home / f"stderr-{self._starts}.txt"

    def _wait_served(self, within_s: float) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as ready:
            ready.register(self._process.stdout, selectors.EVENT_READ)
            if not ready.select(within_s):
                self.kill()
                raise StartFailed(-1, f"nothing said within {within_s} s: {self.errors}")
        line = self._process.stdout.readline()
        found = _SERVES.search(line)
        if found is None:
            code = self.wait(10.0)
            raise StartFailed(code, self.errors)
        self.said = line
        self.port = int(found.group(1))

    def _end(self, number: int, within_s: float) -> int:
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            return self.wait(within_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self.wait(10.0)
            raise
