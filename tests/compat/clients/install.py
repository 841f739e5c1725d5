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
#: Version 2 is not on PyPI. Debian 12 has this one, from before CRC64NVME became its default.
AWS_CLI_2_PACKAGE: Final = "awscli=2.9.19-1"
AWS_CLI_2_NEEDS: Final = (
    "awscrt==0.16.16",
    "colorama==0.4.6",
    "cryptography==40.0.2",
    "distro==1.8.0",
    "docutils==0.19",
    "jmespath==1.1.0",
    "prompt-toolkit==3.0.38",
    "pyasn1==0.6.5",
    "python-dateutil==2.8.2",
    "ruamel.yaml==0.17.21",
    "urllib3==1.26.20",
)
PYTHON_PACKAGES: Final = (
    "s3cmd==2.4.0",
    "s3fs==2026.9.0",
    "pyarrow==26.0.1",
    "duckdb==1.5.5",
    "duckdb-extension-httpfs==1.5.5",
    "duckdb-extensions==1.5.5",
    "obstore==0.12.1",
    "deltalake==1.6.6",
)
#: Programs built from their source through the Go module proxy.
GO_PROGRAMS: Final[Mapping[str, str]] = {
    "mc": "github.com/minio/mc@v0.0.0-20250313080218-cf909e1063a9",
    "rclone": "github.com/rclone/rclone@v1.76.0",
    "restic": "github.com/restic/restic/cmd/restic@v0.18.1",
}
BUILD_SECONDS_MAX: Final = 3600


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


def install_aws_cli_2() -> Path:
    """Return the AWS CLI, version 2, unpacked from Debian's package beside what it imports."""
    home = FOLDER / "aws-cli-2"
    program = home / "aws"
    if not program.exists():
        home.mkdir(parents=True, exist_ok=True)
        apt, dpkg = find_program("apt-get", "apt"), find_program("dpkg-deb", "dpkg")
        _run([apt, "download", AWS_CLI_2_PACKAGE], "Debian 12 only; apt-get update", folder=home)
        (package,) = home.glob("awscli_*.deb")
        _run([dpkg, "-x", package, home / "root"], "")
        _run([sys.executable, "-m", "venv", home / "env"], "Debian: apt install python3-venv")
        _run([home / "env" / "bin" / "pip", "install", "--quiet", *AWS_CLI_2_NEEDS], "")
        modules, python = home / "root/usr/lib/python3/dist-packages", home / "env/bin/python"
        program.write_text(f'#!/bin/sh\nPYTHONPATH={modules} exec {python} -m awscli "$@"\n')
        program.chmod(0o755)
    return program


def install_python() -> Path:
    """Return the interpreter of an environment with the Python clients."""
    home = FOLDER / "python"
    pinned, installed = "\n".join(PYTHON_PACKAGES), home / "installed.txt"
    if not installed.exists() or installed.read_text() != pinned:
        _run([sys.executable, "-m", "venv", home], "Debian: apt install python3-venv")
        _run([home / "bin" / "pip", "install", "--quiet", *PYTHON_PACKAGES], "")
        installed.write_text(pinned)
    return home / "bin" / "python"


def install_s3cmd() -> Path:
    """Return s3cmd, from the environment of the Python clients."""
    return install_python().with_name("s3cmd")


def install_go_program(name: str) -> Path:
    """Return a program of GO_PROGRAMS."""
    source = GO_PROGRAMS[name]
    program = FOLDER / "bin" / f"{name}-{source.rpartition('@')[2]}"
    if not program.exists():
        go = find_program("go", "golang, or https://go.dev/dl")
        environment = {**_go_environment(), "GOBIN": str(FOLDER / "bin")}
        _run([go, "install", source], "", environment=environment)
        (FOLDER / "bin" / name).rename(program)
    return program


def install_go() -> Path:
    """Return the Go program, built with its locked modules."""
    go = find_program("go", "golang, or https://go.dev/dl")
    program = FOLDER / "bin" / "compat-go"
    command = [go, "build", "-buildvcs=false", "-o", program, "."]
    _run(command, "", environment=_go_environment(), folder=SOURCES / "go")
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
    "aws2": install_aws_cli_2,
    "s3cmd": install_s3cmd,
    "python": install_python,
    "mc": lambda: install_go_program("mc"),
    "rclone": lambda: install_go_program("rclone"),
    "restic": lambda: install_go_program("restic"),
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
        # One package at a time: what a build needs at its peak is memory.
        "GOFLAGS": "-modcacherw -p=1",
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
