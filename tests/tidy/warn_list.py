"""Rewrite the list of functions with swappable parameters that exist today.

Run `python tests/tidy/warn_list.py` after repairing some; a test refuses new ones.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tidy.parameters import find_swappable_parameters
from tidy.tree import read_sources

LIST = Path(__file__).with_name("warn_list.toml")


def rewrite() -> int:
    """Write the list; return its length."""
    found = sorted({item.where for item in find_swappable_parameters(read_sources("src/atoll"))})
    rows = "".join(f'  "{where}",\n' for where in found)
    LIST.write_text(
        "# Public functions with two adjacent parameters of one plain type, known and accepted.\n"
        "# A new one fails the test; one that is repaired must leave the list.\n"
        f"swappable_parameters = [\n{rows}]\n",
        "utf-8",
    )
    return len(found)


if __name__ == "__main__":
    sys.stdout.write(f"{rewrite()} functions listed in {LIST.name}\n")
