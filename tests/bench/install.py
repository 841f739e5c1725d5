"""Bring the peer and the load generator, built from their pinned sources with Go.

Everything goes below `.bench`; nothing is installed into the machine. A proxy that serves a
module's archive but not its version list makes `go install` fail; then the downloaded source is
built in a copy.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

TOOLS = {
    "minio": ("github.com/minio/minio", "v0.0.0-20260212201848-7aac2a2c5b7c"),
    "warp": ("github.com/minio/warp", "v1.3.1"),
}
BUILD_SECONDS_MAX = 1800


class BenchError(Exception):
    """The benchmark cannot go on; the message says why."""


def install_tool(name: str, *, folder: Path) -> Path:
    """Return the path of a tool, building it once."""
    module, version = TOOLS[name]
    target = folder / "bin" / name
    stamp = folder / "bin" / f".{name}-{version}"
    if target.exists() and stamp.exists():
        return target
    go = shutil.which("go")
    if go is None:
        raise BenchError(
            f"{name} {version} is needed and Go is not installed; install Go (https://go.dev/dl) "
            f"or pass --{name} with the path of a binary"
        )
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    env = {**os.environ, "GOBIN": str(folder / "bin"), "GOSUMDB": "off", "GOFLAGS": "-mod=mod"}
    run = subprocess.run(
        [go, "install", f"{module}@{version}"],
        env={**env, "GOFLAGS": ""},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS_MAX,
        check=False,
    )
    if run.returncode:
        _build_from_archive(go, f"{module}@{version}", env=env, target=target, reason=run.stderr)
    stamp.touch()
    return target


def _build_from_archive(
    go: str, module: str, *, env: dict[str, str], target: Path, reason: str
) -> None:
    """Build a module from its downloaded archive, copied because the module cache is read-only."""
    fetched = subprocess.run(
        [go, "mod", "download", "-json", module],
        env={**env, "GOFLAGS": ""},
        cwd=target.parent,
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS_MAX,
        check=False,
    )
    if fetched.returncode:
        raise BenchError(f"go install {module} failed:\n{reason}\n{fetched.stderr}")
    source = target.parent.parent / "source" / target.name
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(json.loads(fetched.stdout)["Dir"], source)
    subprocess.run(["chmod", "-R", "u+w", str(source)], check=True)
    built = subprocess.run(
        [go, "build", "-o", str(target), "."],
        env=env,
        cwd=source,
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS_MAX,
        check=False,
    )
    if built.returncode:
        raise BenchError(f"building {module} failed:\n{built.stderr}")
