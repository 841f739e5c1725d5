"""The file system shim of a node: compile it, point it at a directory, set faults while the node
runs."""

from __future__ import annotations

import errno
import mmap
import os
import shutil
import struct
import subprocess
from enum import IntFlag
from pathlib import Path

_SOURCE = Path(__file__).with_name("shim.c")
_RULE = struct.Struct("=iiii240s")
_RULES_MAX = 8


class On(IntFlag):
    """Calls that a rule makes fail."""

    SYNC = 1
    WRITE = 2
    CREATE = 4
    READ = 8


class Shim:
    """The shim for one node."""

    def __init__(self, home: Path, root: Path) -> None:
        self.root = root
        self.log_path = home / "shim.log"
        self._rules_path = home / "shim.rules"
        self._library = _compile(home)
        self._rules_path.write_bytes(bytes(_RULE.size * _RULES_MAX))
        with self._rules_path.open("r+b") as file:
            self._rules = mmap.mmap(file.fileno(), _RULE.size * _RULES_MAX)

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that put the shim into a process."""
        return {
            "LD_PRELOAD": str(self._library),
            "SHIM_ROOT": str(self.root),
            "SHIM_RULES": str(self._rules_path),
        }

    @property
    def recording(self) -> dict[str, str]:
        """Return the variables that also record what happens below the root."""
        return {**self.environment, "SHIM_LOG": str(self.log_path)}

    def fail(
        self, pattern: str, on: On, *, error: int = errno.EIO, left: int = -1, slot: int = 0
    ) -> None:
        """Make calls on paths that contain `pattern` fail; the first `left` of them, -1: all."""
        rule = _RULE.pack(on, error, left, 0, pattern.encode())
        self._rules[slot * _RULE.size : (slot + 1) * _RULE.size] = rule

    def heal(self, slot: int = 0) -> int:
        """Let calls succeed again; return how many failed."""
        at = slot * _RULE.size
        hits: int = _RULE.unpack_from(self._rules, at)[3]
        self._rules[at : at + _RULE.size] = bytes(_RULE.size)
        return hits

    def position(self) -> int:
        """Return how far the recording has come, in bytes."""
        return self.log_path.stat().st_size

    def close(self) -> None:
        """Give the rules back."""
        self._rules.close()


def _compile(home: Path) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    assert compiler is not None, "no C compiler found; `make setup` asks for one as well"
    home.mkdir(parents=True, exist_ok=True)
    library = home / "shim.so"
    command = [compiler, "-O1", "-Wall", "-Werror", "-Wno-nonnull-compare", "-shared", "-fPIC"]
    subprocess.run(
        [*command, "-o", os.fspath(library), os.fspath(_SOURCE), "-ldl", "-lpthread"],
        check=True,
        timeout=60,
    )
    return library
