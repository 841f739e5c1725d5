"""Words and calls that do not belong here, whoever writes them.

Calls are resolved through the imports of the file: `from asyncio import gather` is seen too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from tidy.tree import Finding, Source

#: Module names that say nothing about their content.
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "storage_api"}

#: Calls with one allowed home. Time, randomness and tasks are injected or owned.
BANNED_CALLS = {
    "asyncio.create_task": "tasks live in a TaskGroup",
    "asyncio.ensure_future": "tasks live in a TaskGroup",
    "asyncio.gather": "use a TaskGroup or the drive fan-out",
    "asyncio.get_event_loop": "there is a running loop, or none",
    "time.time": "inject base.clock.Clock",
    "time.time_ns": "inject base.clock.Clock",
    "time.monotonic": "inject base.clock.Clock",
    "datetime.datetime.now": "inject base.clock.Clock",
    "datetime.datetime.utcnow": "inject base.clock.Clock",
    "datetime.datetime.today": "inject base.clock.Clock",
    "uuid.uuid1": "inject base.clock.Entropy",
    "uuid.uuid4": "inject base.clock.Entropy",
    "os.urandom": "inject base.clock.Entropy",
    "random.random": "inject base.clock.Entropy",
    "random.randint": "inject base.clock.Entropy",
    "secrets.token_bytes": "inject base.clock.Entropy",
    "secrets.token_hex": "inject base.clock.Entropy",
    "secrets.token_urlsafe": "inject base.clock.Entropy",
    "os.getenv": "environment variables are read in config",
    "os.environ.get": "environment variables are read in config",
}
CALL_HOMES = {
    "src/atoll/base/clock.py": ("time.", "secrets."),
    "src/atoll/config/": ("os.getenv", "os.environ"),
}

_MARKS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
#: Texts describe the system, not how or by whom it was written.
_PROCESS = re.compile(
    r"\b((this|last|previous|next|earlier) session|helper session|the lead\b|as requested|"
    r"the brief says|AI assistant|language model|chatbot|co-authored|"
    r"previously this|newly added|was refactored|has been improved)\b"
    r"|/tmp/lab|/work/(main|shared)|\.\./shared/",
    re.IGNORECASE,
)


def find_banned_words(texts: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    """Yield marks of unfinished work and words about the making; `texts` are (path, text)."""
    for path, text in texts:
        for number, line in enumerate(text.splitlines(), 1):
            for pattern, rule in ((_MARKS, "unfinished"), (_PROCESS, "process_word")):
                match = pattern.search(line)
                if match:
                    yield Finding(rule, path, f"line {number}: {match.group()!r}")


def find_empty_names(paths: Iterable[str]) -> Iterator[Finding]:
    """Yield modules and folders whose name names nothing."""
    for path in paths:
        for piece in path.removesuffix(".py").split("/"):
            if piece in EMPTY_NAMES or re.search(r"_(part\d|helpers?|ext|v\d+_new|utils?)$", piece):
                yield Finding("empty_name", path, f"{piece!r} names nothing; use a noun")


def find_banned_calls(sources: Iterable[Source]) -> Iterator[Finding]:
    """Yield uses of calls that have one allowed home."""
    for source in sources:
        imports = _imported_names(source.tree)
        for node in source.nodes:
            if not isinstance(node, ast.Attribute | ast.Name):
                continue
            full = _full_name(node, imports)
            if full in BANNED_CALLS and not _is_home(source.path, full):
                yield Finding("banned_call", source.path, f"{full}: {BANNED_CALLS[full]}")


def find_prints(sources: Iterable[Source]) -> Iterator[Finding]:
    """Yield print calls outside the command line."""
    for source in sources:
        if source.path.startswith("src/atoll/cli/"):
            continue
        for node in source.nodes:
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "print":
                yield Finding("print", source.path, f"line {node.lineno}: print")


def find_broad_excepts(sources: Iterable[Source]) -> Iterator[Finding]:
    """Yield handlers of everything; the boundaries that may have one stand in the allow-list."""
    for source in sources:
        for node in source.nodes:
            if isinstance(node, ast.ExceptHandler) and _is_broad(node):
                yield Finding("broad_except", source.path, f"line {node.lineno}")


def _is_broad(handler: ast.ExceptHandler) -> bool:
    """Return whether a handler takes everything and does not raise it again."""
    caught = handler.type
    kinds = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    names = {"" if kind is None else ast.unparse(kind) for kind in kinds}
    if not names & {"", "Exception", "BaseException"}:
        return False
    last = handler.body[-1]
    return not (isinstance(last, ast.Raise) and last.exc is None)


def _is_home(path: str, full: str) -> bool:
    return any(
        path.startswith(home) and full.startswith(calls) for home, calls in CALL_HOMES.items()
    )


def _imported_names(tree: ast.Module) -> dict[str, str]:
    """Return local name → full name of everything the file imports."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def _full_name(node: ast.AST, imports: dict[str, str]) -> str:
    """Return the full dotted name of an expression, or an empty string."""
    if isinstance(node, ast.Name):
        return imports.get(node.id, "")
    if isinstance(node, ast.Attribute):
        owner = _full_name(node.value, imports)
        return f"{owner}.{node.attr}" if owner else ""
    return ""
