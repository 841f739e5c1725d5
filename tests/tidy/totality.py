"""Totality: tables that must cover a whole, and pairs of things that must match one to one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from tidy.tree import Finding


def find_leaves(root: type) -> set[type]:
    """Return the classes below `root` that have no subclass of their own module."""
    children = [child for child in root.__subclasses__() if child.__module__ == root.__module__]
    if not children:
        return {root}
    return {leaf for child in children for leaf in find_leaves(child)}


def find_untabled(leaves: Iterable[type], tabled: Iterable[type], table: str) -> Iterator[Finding]:
    """Yield error classes that a table does not cover."""
    known = set(tabled)
    for leaf in sorted(set(leaves) - known, key=lambda kind: kind.__name__):
        yield Finding("error_table", table, f"has no row for {leaf.__name__}")


def module_of_action(action: str) -> str:
    """Return the module name of an S3 action: `GetObject` → `get_object`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", action).lower()


def find_unpaired(
    routed: Iterable[str], modules: Iterable[str], *, table: str, folder: str
) -> Iterator[Finding]:
    """Yield routed actions without a file of their name, and files without a route."""
    wanted = {module_of_action(action): action for action in routed}
    found = set(modules)
    for name in sorted(set(wanted) - found):
        yield Finding("action_file", f"{folder}/{name}.py", f"missing, {wanted[name]} is routed")
    for name in sorted(found - set(wanted)):
        yield Finding("action_route", table, f"has no route for {folder}/{name}.py")


def find_unspecified_formats(
    modules: Iterable[str], pages: dict[str, str], vectors: Iterable[str]
) -> Iterator[Finding]:
    """Yield format modules without a page that names them, or without golden vectors."""
    vectors = list(vectors)
    for module in sorted(modules):
        if not any(re.search(rf"\bformats[/.]{module}\b", text) for text in pages.values()):
            yield Finding("format_page", module, "no page in docs/formats names this module")
        if not any(module in path.rpartition("/")[2] or f"/{module}/" in path for path in vectors):
            yield Finding("format_vectors", module, "no file in tests/vectors is named after it")
