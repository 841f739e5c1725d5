"""The two servers: start on fresh drives, wait until ready, sample memory and CPU, stop.

Only process groups started here are ever signalled. Memory is the sum of resident pages over the
server's process tree, which counts pages shared between its processes more than once.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.install import BenchError

READY_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30
SAMPLE_SECONDS = 0.2
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Program:
    """How to start one of the servers. `{drives}` and `{address}` are filled in."""

    name: str
    command: tuple[str, ...]
    env: dict[str, str]
    ready_path: str
    durability: str


@dataclass
class Running:
    """A server under load."""

    process: subprocess.Popen[bytes]
    address: str
    access_key: str
    secret_key: str
    log: Path
    peak_bytes: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Sample resident memory until told to stop; runs in a thread."""
        while not self._stop.wait(SAMPLE_SECONDS):
            self.peak_bytes = max(self.peak_bytes, read_resident_bytes(self.process.pid))

    def measure_idle(self, seconds: float) -> float:
        """Return the share of one core that the process tree uses while nobody asks anything."""
        before = read_cpu_seconds(self.process.pid)
        time.sleep(seconds)
        return (read_cpu_seconds(self.process.pid) - before) / seconds


def atoll_program(binary: str) -> Program:
    """Return how to start Atoll from this checkout."""
    return Program(
        name="atoll",
        command=(binary, "serve", "{drives}", "--listen", "{address}"),
        env={"ATOLL_ACCESS_KEY": "{access}", "ATOLL_SECRET_KEY": "{secret}"},
        ready_path="/_atoll/health/ready",
        durability="every acknowledged write synced on a write quorum",
    )


def peer_program(binary: str) -> Program:
    """Return how to start the peer; several drives on one file system need MINIO_CI_CD."""
    return Program(
        name="minio",
        command=(binary, "server", "--quiet", "--address", "{address}", "{drives}"),
        env={
            "MINIO_ROOT_USER": "{access}",
            "MINIO_ROOT_PASSWORD": "{secret}",
            "MINIO_CI_CD": "1",
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
            "MINIO_CALLHOME_ENABLE": "off",
        },
        ready_path="/minio/health/ready",
        durability="default: O_DSYNC metadata and fdatasync of data, directories not synced",
    )


@contextmanager
def serving(program: Program, *, folder: Path, drives: int) -> Iterator[Running]:
    """Run a server on fresh drives below `folder`; stop it and remove the drives afterwards."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    address = f"127.0.0.1:{_free_port()}"
    keys = {"access": "bench" + secrets.token_hex(4), "secret": secrets.token_hex(16)}
    pattern = f"{folder}/d1" if drives == 1 else f"{folder}/d{{1...{drives}}}"
    for number in range(1, drives + 1):
        (folder / f"d{number}").mkdir()
    log = folder.parent / f"{folder.name}.log"
    with log.open("wb") as output:
        command = [
            part.replace("{drives}", pattern).replace("{address}", address)
            for part in program.command
        ]
        settings = {name: value.format(**keys) for name, value in program.env.items()}
        process = subprocess.Popen(
            command,
            env={**os.environ, **settings},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    running = Running(process, address, keys["access"], keys["secret"], log)
    watcher = threading.Thread(target=running.watch, daemon=True)
    try:
        _wait_ready(running, program)
        watcher.start()
        yield running
    finally:
        running._stop.set()
        _stop_group(process)
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_ready(running: Running, program: Program) -> None:
    """Return when the server says it is ready.

    Raises
        BenchError: it ended, or is not ready in time; the message carries the end of its log.
    """
    deadline = time.monotonic() + READY_SECONDS_MAX
    url = f"http://{running.address}{program.ready_path}"
    while time.monotonic() < deadline:
        if running.process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.1)
    tail = running.log.read_text("utf-8", "replace")[-2000:]
    raise BenchError(f"{program.name} did not become ready:\n{tail}")


def _stop_group(process: subprocess.Popen[bytes]) -> None:
    """Ask the process to end; after a bound, kill the group that was started with it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            sys.stderr.write(f"pid {process.pid} did not stop in {STOP_SECONDS_MAX} s; killed\n")
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def list_tree(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    tree = [pid]
    for parent in tree:
        try:
            for task in Path(f"/proc/{parent}/task").iterdir():
                tree += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue
    return tree


def read_resident_bytes(pid: int) -> int:
    """Return the resident memory of a process tree."""
    pages = 0
    for member in list_tree(pid):
        try:
            pages += int(Path(f"/proc/{member}/statm").read_text().split()[1])
        except OSError:
            continue
    return pages * PAGE_BYTES


def read_cpu_seconds(pid: int) -> float:
    """Return the CPU time, user and system, that a process tree has used."""
    ticks = 0
    for member in list_tree(pid):
        try:
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        except OSError:
            continue
    return ticks / TICKS_PER_SECOND
