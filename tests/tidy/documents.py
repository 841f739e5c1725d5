"""Documents: links resolve, the map names every package, every setting is explained."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tidy.tree import Finding, Source

ARCHITECTURE_LINES_MAX = 200
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*$", re.MULTILINE)
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_DOCUMENT = re.compile(r"\bdocs/[\w/.-]+\.md\b")
_CODE_SPAN = re.compile(r"`[^`\n]*`")


def find_broken_links(texts: Iterable[tuple[str, str]], root: Path) -> Iterator[Finding]:
    """Yield links to files or headings that do not exist; other sites are not asked."""
    for path, text in texts:
        prose = _CODE_SPAN.sub("", _FENCE.sub("", text))
        for target in _LINK.findall(prose):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            file = (root / path).parent / name if name else root / path
            if not file.exists():
                yield Finding("link", path, f"{target} does not exist")
            elif anchor and file.suffix == ".md" and anchor not in _anchors(file):
                yield Finding("link", path, f"{target}: no such heading")


def _anchors(file: Path) -> set[str]:
    """Return the anchors of a document's headings, as forges derive them."""
    headings = _HEADING.findall(_FENCE.sub("", file.read_text("utf-8")))
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    }


def find_map_gaps(text: str, packages: Iterable[str]) -> Iterator[Finding]:
    """Yield packages that ARCHITECTURE.md forgets, and packages it names that do not exist.

    A package is named by a codemap row that begins with its folder: `| `s3/` | …`.
    """
    named = set(re.findall(r"^\|\s*`([a-z0-9_]+)/`", text, re.MULTILINE))
    packages = set(packages)
    for package in sorted(packages - named):
        yield Finding("map", "ARCHITECTURE.md", f"does not name {package}/")
    for package in sorted(named - packages):
        yield Finding("map", "ARCHITECTURE.md", f"names {package}/, which does not exist")
    lines = text.count("\n")
    if lines > ARCHITECTURE_LINES_MAX:
        yield Finding("map", "ARCHITECTURE.md", f"{lines} lines, at most {ARCHITECTURE_LINES_MAX}")


def find_named_files(text: str, root: Path, package_root: str) -> Iterator[Finding]:
    """Yield source files that a document names in code spans and that do not exist.

    `objects/put.py` is looked for below the package, `tests/sim/…` and `src/…` below the root.
    """
    for span in sorted(set(re.findall(r"`([a-z0-9_./]+/[a-z0-9_]+\.py)`", text))):
        if not (root / span).exists() and not (root / package_root / span).exists():
            yield Finding("map", span, "named in a document, does not exist")


def find_missing_documents(sources: Iterable[Source], root: Path) -> Iterator[Finding]:
    """Yield documents that code refers to and that do not exist."""
    for source in sources:
        for name in sorted(set(_DOCUMENT.findall(source.text))):
            if not (root / name).exists():
                yield Finding("document", source.path, f"refers to {name}, which does not exist")


def find_undocumented(rule: str, names: Iterable[str], text: str, page: str) -> Iterator[Finding]:
    """Yield names that a page does not mention in a code span."""
    spans = set(_CODE_SPAN.findall(text))
    for name in sorted(names):
        if not any(re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.])", span) for span in spans):
            yield Finding(rule, page, f"does not explain {name}")


def find_unlisted(folder: Path) -> Iterator[Finding]:
    """Yield notes of a folder that its README.md does not link."""
    index = folder / "README.md"
    linked = set(_LINK.findall(index.read_text("utf-8")))
    for path in sorted(folder.glob("*.md")):
        if path != index and path.name not in linked:
            yield Finding("index", str(index), f"does not link {path.name}")
