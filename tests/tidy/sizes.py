"""Sizes: files, functions, parameters, classes and folders stay small enough to read at once."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator

from tidy.tree import Finding, Source

SOURCE_LINES_MAX = 600
TEST_LINES_MAX = 800
FUNCTION_LINES_MAX = 70
PARAMETERS_MAX = 6
PUBLIC_METHODS_MAX = 15
CONTRACT_METHODS_MAX = 20
FOLDER_MODULES_MAX = 20
#: One file per S3 action: the listing of the folder is the support matrix.
WIDE_FOLDERS = ("src/atoll/s3/actions", "tests/compat/s3")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def find_long_files(sources: Iterable[Source]) -> Iterator[Finding]:
    """Yield files with more lines than allowed."""
    for source in sources:
        limit = TEST_LINES_MAX if source.path.startswith("tests/") else SOURCE_LINES_MAX
        if source.line_count > limit:
            yield Finding(
                "file_lines",
                source.path,
                f"{source.line_count} lines, at most {limit}; split by noun or phase",
                source.line_count,
            )


def find_long_functions(sources: Iterable[Source]) -> Iterator[Finding]:
    """Yield functions that do not fit one screen."""
    for source in sources:
        for node in source.nodes:
            if not isinstance(node, Function):
                continue
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield Finding(
                    "function_lines",
                    f"{source.path}:{node.name}",
                    f"{lines} lines, at most {FUNCTION_LINES_MAX}",
                    lines,
                )


def find_many_parameters(sources: Iterable[Source]) -> Iterator[Finding]:
    """Yield functions with more parameters than a caller can keep apart.

    A constructor whose parameters are all keyword-only is a record being filled, not a call.
    """
    for source in sources:
        for node in source.nodes:
            if not isinstance(node, Function):
                continue
            named = [*node.args.posonlyargs, *node.args.args]
            if named and named[0].arg in {"self", "cls"}:
                named = named[1:]
            count = len(named) + len(node.args.kwonlyargs)
            if count > PARAMETERS_MAX and (named or node.name != "__init__"):
                yield Finding(
                    "parameters",
                    f"{source.path}:{node.name}",
                    f"{count} parameters, at most {PARAMETERS_MAX}",
                    count,
                )


def find_wide_classes(sources: Iterable[Source]) -> Iterator[Finding]:
    """Yield classes with too many public methods.

    A contract (Protocol) may have more; whoever fulfils one is judged by what it adds.
    """
    classes = [
        (source, node)
        for source in sources
        for node in source.nodes
        if isinstance(node, ast.ClassDef)
    ]
    demanded = {name for _, node in classes if _is_contract(node) for name in _public_methods(node)}
    for source, node in classes:
        names = _public_methods(node)
        is_contract = _is_contract(node)
        limit = CONTRACT_METHODS_MAX if is_contract else PUBLIC_METHODS_MAX
        count = len(names) if is_contract else len(names - demanded)
        if count > limit:
            yield Finding(
                "public_methods",
                f"{source.path}:{node.name}",
                f"{count} public methods, at most {limit}",
                count,
            )


def _is_contract(node: ast.ClassDef) -> bool:
    return any(ast.unparse(base).startswith("Protocol") for base in node.bases)


def _public_methods(node: ast.ClassDef) -> set[str]:
    return {
        item.name
        for item in node.body
        if isinstance(item, Function) and not item.name.startswith("_")
    }


def find_wide_folders(paths: Iterable[str]) -> Iterator[Finding]:
    """Yield folders with too many modules."""
    folders = Counter(
        path.rpartition("/")[0] for path in paths if not path.endswith("/__init__.py")
    )
    for folder, count in folders.items():
        if count > FOLDER_MODULES_MAX and folder not in WIDE_FOLDERS:
            yield Finding(
                "folder_modules",
                folder,
                f"{count} modules, at most {FOLDER_MODULES_MAX}",
                count,
            )
