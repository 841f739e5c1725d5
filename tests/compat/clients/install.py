"""Bring the clients of the compatibility suite: `python -m compat.clients.install [CLIENT…]`.

Owns      where each client is: downloads and builds go below `.compat`, pinned by version or lock
          file; the machine itself is left as it is.
Does not  install system packages or compilers: what is missing is named, with the package that
          has it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]
FOLDER: Final = ROOT / ".compat"
SOURCES: Final = Path(__file__).parent

AWS_CLI_VERSION: Final = "1.46.3"
MC_VERSION: Final = "v0.0.0-20250313080218-cf909e1063a9"
BUILD_SECONDS_MAX: Final = 1800


class ClientMissing(Exception):
    """A client cannot be brought; the message says what to install."""


def find_program(name: str, package: str) -> Path:
    """Return a program of the machine."""
    found = shutil.which(name)
    if found is None:
        raise ClientMissing(f"{name} is not installed (Debian: apt install {package})")
    return Path(found)


def install_aws_cli() -> Path:
    """Return the AWS CLI, version 1, from PyPI in an environment of its own."""
    home = FOLDER / f"aws-cli-{AWS_CLI_VERSION}"
    program = home / "bin" / "aws"
    if not program.exists():
        _run([sys.executable, "-m", "venv", home], "Debian: apt install python3-venv")
        _run([home / "bin" / "pip", "install", "--quiet", f"awscli=={AWS_CLI_VERSION}"], "")
    return program


def install_mc() -> Path:
    """Return the MinIO client, built from its pinned source."""
    program = FOLDER / "bin" / f"mc-{MC_VERSION}"
    if not program.exists():
        go = find_program("go", "golang, or https://go.dev/dl")
        environment = {**_go_environment(), "GOBIN": str(FOLDER / "bin"), "GOFLAGS": "-modcacherw"}
        _run([go, "install", f"github.com/minio/mc@{MC_VERSION}"], "", environment=environment)
        (FOLDER / "bin" / "mc").rename(program)
    return program


def install_go() -> Path:
    """Return the Go program, built with its locked modules."""
    go = find_program("go", "golang, or https://go.dev/dl")
    program = FOLDER / "bin" / "compat-go"
    environment = {**_go_environment(), "GOFLAGS": "-modcacherw -buildvcs=false"}
    _run([go, "build", "-o", program, "."], "", environment=environment, folder=SOURCES / "go")
    return program


def install_javascript() -> Path:
    """Return the JavaScript program beside its locked packages."""
    npm = find_program("npm", "npm")
    find_program("node", "nodejs")
    source, target = SOURCES / "javascript", FOLDER / "javascript"
    target.mkdir(parents=True, exist_ok=True)
    lock, installed = source / "package-lock.json", target / ".installed-lock.json"
    if not installed.exists() or installed.read_bytes() != lock.read_bytes():
        for name in ("package.json", "package-lock.json"):
            shutil.copy(source / name, target / name)
        command = [npm, "ci", "--no-fund", "--no-audit", "--cache", FOLDER / "npm"]
        _run(command, "", folder=target)
        shutil.copy(lock, installed)
    return Path(shutil.copy(source / "main.mjs", target / "main.mjs"))


def install_java() -> Path:
    """Return the folder with the compiled Java program and its libraries."""
    maven = find_program("mvn", "maven default-jdk-headless")
    target = FOLDER / "java"
    newest = max(path.stat().st_mtime for path in (SOURCES / "java").rglob("*") if path.is_file())
    program = target / "compat-1.jar"
    if not program.exists() or program.stat().st_mtime < newest:
        command = [maven, "-q", "-B", f"-Dmaven.repo.local={FOLDER / 'm2'}"]
        command += [f"-Dcompat.build={target}", "-f", SOURCES / "java" / "pom.xml", "package"]
        _run(command, "")
        program.touch()
    return target


#: How each client is brought.
CLIENTS: Final[Mapping[str, Callable[[], Path]]] = {
    "curl": lambda: find_program("curl", "curl"),
    "aws": install_aws_cli,
    "rclone": lambda: find_program("rclone", "rclone"),
    "s3cmd": lambda: find_program("s3cmd", "s3cmd"),
    "mc": install_mc,
    "go": install_go,
    "javascript": install_javascript,
    "java": install_java,
}


def _go_environment() -> dict[str, str]:
    return {
        **os.environ,
        "GOPATH": str(FOLDER / "go"),
        "GOCACHE": str(FOLDER / "go-cache"),
        "GOTOOLCHAIN": "local",
    }


def _run(
    command: Sequence[str | Path],
    advice: str,
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> None:
    FOLDER.mkdir(exist_ok=True)
    ended = subprocess.run(
        [str(part) for part in command],
        env=None if environment is None else dict(environment),
        cwd=folder or FOLDER,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BUILD_SECONDS_MAX,
        check=False,
    )
    if ended.returncode:
        raise ClientMissing(f"{command} failed; {advice}\n{ended.stdout[-4000:]}")


def main(names: Sequence[str]) -> int:
    """Bring the clients named, or all; return 1 when one is missing."""
    missing = 0
    for name in names or CLIENTS:
        try:
            print(f"{name}: {CLIENTS[name]()}", flush=True)
        except ClientMissing as exc:
            missing = 1
            print(f"{name}: missing: {exc}", file=sys.stderr, flush=True)
    return missing


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
