"""Parameters: two neighbours of one type can be swapped unseen, so they are keyword-only."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from itertools import pairwise

from tidy.tree import Finding, Source

#: Types that carry no meaning of their own. Two `ObjectKey`s are as easy to swap, but rarer.
PLAIN_TYPES = {"str", "bytes", "int", "float", "bool", "str | None", "int | None", "bytes | None"}


def find_swappable_parameters(sources: Iterable[Source]) -> Iterator[Finding]:
    """Yield public functions with two adjacent positional parameters of one plain type."""
    for source in sources:
        for node in source.nodes:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if node.name.startswith("_") and node.name != "__init__":
                continue
            # Behind a bare `/` the caller could not name them even if asked to.
            for left, right in pairwise(node.args.args):
                if left.annotation is None or right.annotation is None:
                    continue
                kinds = (ast.unparse(left.annotation), ast.unparse(right.annotation))
                if kinds[0] == kinds[1] and kinds[0] in PLAIN_TYPES:
                    yield Finding(
                        "swappable_parameters",
                        f"{source.path}:{node.name}",
                        f"{left.arg} and {right.arg} are both {kinds[0]}",
                    )
                    break
