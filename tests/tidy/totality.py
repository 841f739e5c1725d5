"""Totality: tables that must cover a whole, and pairs of things that must match one to one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping

from tidy.tree import Finding, Source


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
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", action).lower()


def find_unpaired(
    *,
    routed: Iterable[str],
    served: Mapping[str, str],
    modules: Iterable[str],
    shared: Iterable[str],
    page: str,
) -> Iterator[Finding]:
    """Yield actions and action files that do not belong together.

    `served` maps an action to the module whose function serves it; `shared` are modules that serve
    nothing but several actions use. A routed action is served, or `page` names it as refused; a
    module serves the action it is named after, or a table of several.
    """
    routed, modules, shared = set(routed), set(modules), set(shared)
    for action in sorted(set(served) - routed):
        yield Finding("action_route", served[action], f"{action} has no route")
    for action in sorted(routed):
        if f"`{action}`" not in page and action not in re.findall(r"\w+", page):
            yield Finding("action_page", action, "docs/compatibility/s3.md does not name it")
    busy = set(served.values())
    for module in sorted(modules - busy - shared):
        yield Finding("action_file", module, "serves no routed action")
    for module in sorted((shared - modules) | (shared & busy)):
        yield Finding("action_file", module, "is listed as shared and is not")
    for action, module in sorted(served.items()):
        if module != module_of_action(action) and module_of_action(action) in modules:
            yield Finding("action_file", module, f"serves {action}, which has its own file")


def find_untested_actions(
    *, served: Iterable[str], routed: Iterable[str], files: Iterable[str]
) -> Iterator[Finding]:
    """Yield served actions without a file of live tests, and such files that name no action."""
    named = {f"test_{module_of_action(action)}": action for action in routed}
    files = set(files)
    for action in sorted(served):
        if f"test_{module_of_action(action)}" not in files:
            yield Finding("action_compat", action, "tests/compat/s3 has no file for it")
    for name in sorted(files - set(named)):
        yield Finding("action_compat", name, "is named after no routed action")


def find_idle_settings(names: Iterable[str], sources: Iterable[Source]) -> Iterator[Finding]:
    """Yield settings that no code outside of config reads: a promise that nobody keeps."""
    read: set[str] = set()
    for source in sources:
        if not source.path.startswith("src/atoll/config/"):
            read |= {node.attr for node in source.nodes if isinstance(node, ast.Attribute)}
    for name in sorted(set(names) - read):
        yield Finding("setting", name, "is read nowhere")


def find_incomplete_exports(sources: Iterable[Source]) -> Iterator[Finding]:
    """Yield packages whose `__all__` is not exactly what their `__init__.py` offers.

    A package offers the public names that it imports from Atoll or defines; one that offers none
    needs no `__all__`.
    """
    for source in sources:
        if not source.path.endswith("/__init__.py"):
            continue
        offered: set[str] = set()
        exported: set[str] = set()
        for node in source.tree.body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("atoll"):
                offered |= {alias.asname or alias.name for alias in node.names}
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                offered.add(node.name)
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                exported = set(ast.literal_eval(node.value))
        offered = {name for name in offered if not name.startswith("_")}
        for name in sorted(offered - exported):
            yield Finding("exports", source.path, f"__all__ lacks {name}")
        for name in sorted(exported - offered):
            yield Finding("exports", source.path, f"__all__ has {name}, which is not there")


def find_unspecified_formats(
    modules: Iterable[str], pages: dict[str, str], vectors: Iterable[str]
) -> Iterator[Finding]:
    """Yield format modules without a page that names them, or without golden vectors."""
    names = [path.replace("-", "_") for path in vectors]
    for module in sorted(modules):
        if not any(re.search(rf"\bformats[/.]{module}\b", text) for text in pages.values()):
            yield Finding("format_page", module, "no page in docs/formats names this module")
        if not any(module in name.rpartition("/")[2] or f"/{module}/" in name for name in names):
            yield Finding("format_vectors", module, "no file in tests/vectors is named after it")
