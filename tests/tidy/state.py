"""State: modules hold constants, never things that change.

A module-level list, dict or set must look like a constant (upper case or `Final`) and must not be
changed anywhere in its file. `global` and unbounded caches are state under another name.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from tidy.tree import Finding, Source

_MAKERS = {
    "list", "dict", "set", "bytearray", "deque", "defaultdict", "OrderedDict", "Counter",
    "collections.deque", "collections.defaultdict", "collections.OrderedDict",
    "collections.Counter", "WeakValueDictionary", "weakref.WeakValueDictionary",
}  # fmt: skip
_CHANGERS = {
    "append", "extend", "insert", "remove", "pop", "popitem", "clear", "update", "add", "discard",
    "setdefault", "appendleft", "popleft", "sort", "reverse",
}  # fmt: skip
_DISPLAYS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)


def find_mutable_state(sources: Iterable[Source]) -> Iterator[Finding]:
    """Yield module-level values that may change."""
    for source in sources:
        held = dict(_module_level_mutables(source.tree))
        for name, is_constant in held.items():
            if not is_constant:
                yield Finding("module_state", f"{source.path}:{name}", "mutable and not a constant")
        changed = {name for name in _changed_names(source.nodes) if name in held}
        for name in sorted(changed):
            yield Finding("module_state", f"{source.path}:{name}", "a constant is changed")
        for node in source.nodes:
            if isinstance(node, ast.Global):
                names = ", ".join(node.names)
                yield Finding("module_state", f"{source.path}:{names}", "global statement")


def find_unbounded_caches(sources: Iterable[Source]) -> Iterator[Finding]:
    """Yield caches without a limit on functions that take arguments."""
    for source in sources:
        for node in source.nodes:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            arguments = [*node.args.args, *node.args.kwonlyargs, *node.args.posonlyargs]
            for decorator in node.decorator_list:
                text = ast.unparse(decorator).removeprefix("functools.")
                if arguments and (text == "cache" or text.startswith("lru_cache(maxsize=None")):
                    yield Finding("unbounded_cache", f"{source.path}:{node.name}", text)


def _module_level_mutables(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    """Yield (name, looks like a constant) of module-level containers."""
    for node in tree.body:
        if isinstance(node, ast.Assign):
            targets, value, final = node.targets, node.value, False
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            targets, value = [node.target], node.value
            final = "Final" in ast.unparse(node.annotation)
        else:
            continue
        is_maker = isinstance(value, ast.Call) and ast.unparse(value.func) in _MAKERS
        if not (isinstance(value, _DISPLAYS) or is_maker):
            continue
        for target in targets:
            if isinstance(target, ast.Name) and not target.id.startswith("__"):
                yield target.id, final or target.id.lstrip("_").isupper()


def _changed_names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield names whose container is changed in place inside a function."""
    for node in nodes:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        own = {
            item.id
            for item in ast.walk(node)
            if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store)
        } | {argument.arg for argument in ast.walk(node) if isinstance(argument, ast.arg)}
        for item in ast.walk(node):
            name = _changed_name(item)
            if name and name not in own:
                yield name


def _changed_name(node: ast.AST) -> str:
    """Return the name of the container that one node changes, or an empty string."""
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in _CHANGERS
        and isinstance(node.func.value, ast.Name)
    ):
        return node.func.value.id
    if (
        isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Store | ast.Del)
        and isinstance(node.value, ast.Name)
    ):
        return node.value.id
    return ""
