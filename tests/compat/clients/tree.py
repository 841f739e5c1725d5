"""A directory tree with the names that break careless clients and servers, and its comparison."""

from __future__ import annotations

import random
from collections.abc import Collection
from pathlib import Path
from typing import Final

#: Each is a name that some layer between a file and its key has to quote.
NAMES: Final = (
    "plain.txt",
    "with space.txt",
    "plus+sign.txt",
    "percent%25 and %2F.txt",
    "ampersand&equals=1.txt",
    "question?mark.txt",
    "hash#tag.txt",
    "quote'and\"double.txt",
    "brackets[1]{2}(3).txt",
    "semi;colon:comma,at@.txt",
    "~tilde!$.txt",
    "less<more>.txt",
    ".hidden",
    "ünïcödé/日本語/🙂.txt",
    "deep/er/and/deeper/leaf.txt",
    "deep/er/sibling.txt",
    "folder.d/a",
    "folder/a",
)
LARGE_NAME: Final = "large file.bin"
LARGE_BYTES: Final = 12 * 1024 * 1024 + 345
EMPTY_NAME: Final = "empty"


def make_bytes(size_bytes: int, seed: int = 7) -> bytes:
    """Return bytes that no compression or repeated part hides; the same for the same seed."""
    return random.Random(seed).randbytes(size_bytes)


def make_tree(folder: Path, *, without: Collection[str] = ()) -> dict[str, bytes]:
    """Make the tree below a new folder; return its content by relative path."""
    content = {name: f"content of {name}\n".encode() for name in NAMES if name not in without}
    content[EMPTY_NAME] = b""
    content[LARGE_NAME] = make_bytes(LARGE_BYTES)
    for name, data in content.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return content


def read_tree(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below a folder by relative path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
