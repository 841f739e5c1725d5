"""The page of faults and the tests that make them happen say the same.

Owns      the pairs (number of a fault, file of its tests), read from the page's tables and from the
          names of test functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePath

from tidy.tree import Finding, Source

_ROW = re.compile(r"^\|\s*(\d+)\s*\|.*\|([^|]*)\|\s*$", re.MULTILINE)
_FILE = re.compile(r"`(test_\w+\.py)`")
_TEST = re.compile(r"^\s*(?:async )?def test((?:_s\d\d)+)_", re.MULTILINE)


def find_untold_faults(page: tuple[str, str], tests: Iterable[Source]) -> Iterator[Finding]:
    """Yield faults whose tests the page does not name, and those it names without a test."""
    path, text = page
    told = {(int(row[1]), file) for row in _ROW.finditer(text) for file in _FILE.findall(row[2])}
    made = {
        (int(number), PurePath(source.path).name)
        for source in tests
        for name in _TEST.findall(source.text)
        for number in name.split("_s")[1:]
    }
    for number, file in sorted(made - told):
        yield Finding("fault", path, f"fault {number} does not name {file}")
    for number, file in sorted(told - made):
        yield Finding("fault", path, f"fault {number} has no test_s{number:02}_… in {file}")
    for number in sorted({int(row[1]) for row in _ROW.finditer(text)} - {n for n, _ in told}):
        yield Finding("fault", path, f"fault {number} names no test")
