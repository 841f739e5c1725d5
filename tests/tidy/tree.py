"""The source tree as values: files parsed once, findings, and the excuses of the allow-list.

A checker is a function from sources to findings; it reads nothing itself, so that each has a test
with a bad sample.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, order=True)
class Finding:
    """One breach of a rule. `where` is a path or `path:name`; `size` counts where the rule does."""

    rule: str
    where: str
    message: str
    size: int = 0

    def __str__(self) -> str:
        return f"{self.where}: {self.rule}: {self.message}"


class Source:
    """One Python file."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text

    @cached_property
    def tree(self) -> ast.Module:
        """Return the parsed file."""
        return ast.parse(self.text, self.path)

    @cached_property
    def line_count(self) -> int:
        """Return the number of lines."""
        return self.text.count("\n") + (not self.text.endswith("\n") and bool(self.text))

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Return every node of the file."""
        return list(ast.walk(self.tree))


@dataclass(frozen=True)
class Excuse:
    """An entry of the allow-list: this breach, up to this size, for this reason."""

    rule: str
    where: str
    reason: str
    limit: int = 0


def read_sources(*folders: str, root: Path = ROOT) -> list[Source]:
    """Return the Python files below `folders`, in path order."""
    paths = sorted(path for folder in folders for path in (root / folder).rglob("*.py"))
    return [Source(str(path.relative_to(root)), path.read_text("utf-8")) for path in paths]


def read_excuses(path: Path) -> list[Excuse]:
    """Return the entries of an allow-list file."""
    return [Excuse(**entry) for entry in tomllib.loads(path.read_text("utf-8")).get("allow", [])]


def apply_excuses(found: Iterable[Finding], excuses: Iterable[Excuse]) -> list[Finding]:
    """Return what is left to repair: unexcused findings, and excuses that are not needed any more.

    The list can therefore only shrink: an entry whose breach is gone, or whose limit is a fifth too
    generous, is itself a finding.
    """
    by_place = {(excuse.rule, excuse.where): excuse for excuse in excuses}
    left: list[Finding] = []
    used: set[tuple[str, str]] = set()
    for finding in found:
        place = (finding.rule, finding.where)
        excuse = by_place.get(place)
        if excuse is None or finding.size > excuse.limit:
            left.append(finding)
            continue
        used.add(place)
        if finding.size and finding.size * 5 < excuse.limit * 4:
            left.append(Finding("allow_list", finding.where, f"lower the limit to {finding.size}"))
    for place, excuse in by_place.items():
        if not excuse.reason.strip():
            left.append(Finding("allow_list", excuse.where, f"{excuse.rule} has no reason"))
        if place not in used and not any((f.rule, f.where) == place for f in left):
            left.append(
                Finding("allow_list", excuse.where, f"{excuse.rule} is kept now; remove it")
            )
    return sorted(left)


def render(findings: Iterable[Finding]) -> str:
    """Return findings as lines, for the message of a failing test."""
    return "\n".join(str(finding) for finding in findings)
