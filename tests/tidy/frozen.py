"""Frozen files: golden bytes of formats that drives in the field may hold.

`frozen.toml` lists each file with its SHA-256. A new format adds lines; a line never changes.
`python tests/tidy/frozen.py` appends the files that are not listed yet.
"""

from __future__ import annotations

import hashlib
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tidy.tree import ROOT, Finding

LIST = Path(__file__).with_name("frozen.toml")
#: Folders whose every file is frozen from its first commit.
FOLDERS = ("tests/vectors/formats",)


def digest_files(root: Path = ROOT) -> dict[str, str]:
    """Return path → SHA-256 of every file that must be frozen."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in FOLDERS
        for path in sorted((root / folder).rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def read_frozen(path: Path = LIST) -> dict[str, str]:
    """Return the list."""
    if not path.exists():
        return {}
    return dict(tomllib.loads(path.read_text("utf-8")).get("sha256", {}))


def find_thawed(frozen: Mapping[str, str], digests: Mapping[str, str]) -> Iterator[Finding]:
    """Yield listed files that changed or vanished, and files that are not listed."""
    for path, digest in sorted(frozen.items()):
        if path not in digests:
            yield Finding("frozen", path, "a frozen file is gone")
        elif digests[path] != digest:
            yield Finding("frozen", path, "a frozen file changed; make a new version instead")
    for path in sorted(set(digests) - set(frozen)):
        yield Finding("frozen", path, "not listed; run python tests/tidy/frozen.py")


def append_new() -> int:
    """Append the files that are not listed; return how many."""
    frozen = read_frozen()
    new = {path: digest for path, digest in digest_files().items() if path not in frozen}
    merged = sorted({**frozen, **new}.items())
    lines = "".join(f'"{path}" = "{digest}"\n' for path, digest in merged)
    LIST.write_text(f"# Golden files: never edit a line, only add.\n[sha256]\n{lines}", "utf-8")
    return len(new)


if __name__ == "__main__":
    sys.stdout.write(f"{append_new()} files added to {LIST.name}\n")
