"""Path patterns: `/mnt/d{1...8}`, `{01...16}` and `{a,b}` become lists of paths.

Owns      the grammar of patterns. Three dots, because `{1..8}` is expanded by shells and would look
          the same.
Does not  touch the file system: whether a path exists is the drive's business.
Order     the last group of a pattern turns fastest; numbers ascend. `{01...16}` keeps the width of
          its first number.
Limit     a pattern list gives at most `PATHS_MAX` paths, so that a typing error cannot eat memory.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from typing import Final

PATHS_MAX: Final = 1024

_GROUP: Final = re.compile(r"\{([^{}]*)\}")
_RANGE: Final = re.compile(r"(\d{1,9})\.\.\.(\d{1,9})")


def expand_pattern(pattern: str) -> tuple[str, ...]:
    """Return the paths of one pattern, in order.

    Raises
        ValueError: a brace is not closed, a group is not understood, or there are too many paths.
    """
    pieces = _GROUP.split(pattern)
    if any("{" in text or "}" in text for text in pieces[::2]):
        raise ValueError(f"expected matching braces such as /mnt/d{{1...8}}, found {pattern!r}")
    choices = [
        _expand_group(piece, pattern) if index % 2 else (piece,)
        for index, piece in enumerate(pieces)
    ]
    count = 1
    for group in choices:
        count *= len(group)
        if count > PATHS_MAX:
            raise ValueError(f"expected at most {PATHS_MAX} paths, {pattern!r} names more")
    return tuple("".join(parts) for parts in itertools.product(*choices))


def expand_patterns(patterns: Iterable[str]) -> tuple[str, ...]:
    """Return the paths of several patterns.

    Raises
        ValueError: a pattern is wrong, a path is named twice, or there are too many paths.
    """
    paths: list[str] = []
    seen: set[str] = set()
    for pattern in patterns:
        if not pattern.strip() or "\0" in pattern:
            raise ValueError(f"expected a path, found {pattern!r}")
        for path in expand_pattern(pattern):
            plain = path.rstrip("/") or "/"
            if plain in seen:
                raise ValueError(f"expected different paths, {path!r} is named twice")
            seen.add(plain)
            paths.append(path)
    if len(paths) > PATHS_MAX:
        raise ValueError(f"expected at most {PATHS_MAX} paths, found {len(paths)}")
    return tuple(paths)


def _expand_group(body: str, pattern: str) -> tuple[str, ...]:
    found = _RANGE.fullmatch(body)
    if found is None:
        names = tuple(body.split(","))
        if len(names) < 2 or not all(names):
            raise ValueError(f"expected {{1...8}} or {{a,b}} in {pattern!r}, found {{{body}}}")
        return names
    first, last = int(found[1]), int(found[2])
    if first > last:
        raise ValueError(f"expected an ascending range in {pattern!r}, found {{{body}}}")
    if last - first >= PATHS_MAX:
        raise ValueError(f"expected at most {PATHS_MAX} paths, {pattern!r} names more")
    width = len(found[1]) if found[1].startswith("0") else 0
    return tuple(str(number).zfill(width) for number in range(first, last + 1))
