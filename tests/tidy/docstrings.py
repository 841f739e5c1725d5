"""Docstrings: each module says in its own words what it owns."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from tidy.tree import Finding, Source

WORDS_MIN = 4
REPEATS_MAX = 2
_SENTENCE = re.compile(r".+?[.!?](?=\s|$)")


def find_missing_docstrings(sources: Iterable[Source]) -> Iterator[Finding]:
    """Yield modules without a docstring that says a sentence."""
    for source in sources:
        text = ast.get_docstring(source.tree) or ""
        first = _SENTENCE.match(text.replace("\n", " "))
        if not text:
            yield Finding("docstring", source.path, "the module has no docstring")
        elif first is None or len(first.group().split()) < WORDS_MIN:
            yield Finding("docstring", source.path, "the docstring does not begin with a sentence")


def find_boilerplate(sources: Iterable[Source]) -> Iterator[Finding]:
    """Yield sentences that more than two modules repeat word for word."""
    homes: dict[str, set[str]] = defaultdict(set)
    for source in sources:
        text = " ".join((ast.get_docstring(source.tree) or "").split())
        for sentence in _SENTENCE.findall(text):
            if len(sentence.split()) >= WORDS_MIN:
                homes[sentence.strip()].add(source.path)
    for sentence, paths in homes.items():
        if len(paths) > REPEATS_MAX:
            for path in sorted(paths):
                yield Finding(
                    "boilerplate", path, f"{len(paths)} modules begin alike: {sentence!r}"
                )
