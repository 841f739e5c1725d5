"""The code keeps the style: sizes, docstrings, words, calls, state, parameters."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest

from tidy import docstrings, parameters, sizes, state, words
from tidy.tree import ROOT, Finding, Source, apply_excuses, read_excuses, read_sources, render

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def code() -> list[Source]:
    """Return every source file of the product."""
    return read_sources("src/atoll")


@pytest.fixture(scope="module")
def tests() -> list[Source]:
    """Return every test file."""
    return read_sources("tests")


def test_the_code_keeps_the_style_or_has_a_reason(code: list[Source], tests: list[Source]) -> None:
    both = [*code, *tests]
    findings: list[Finding] = []
    for find in (
        sizes.find_long_files,
        sizes.find_long_functions,
        sizes.find_wide_classes,
    ):
        findings += find(both)
    for find in (
        sizes.find_many_parameters,
        docstrings.find_missing_docstrings,
        docstrings.find_boilerplate,
        words.find_banned_calls,
        words.find_prints,
        words.find_broad_excepts,
        state.find_mutable_state,
        state.find_unbounded_caches,
    ):
        findings += find(code)
    findings += sizes.find_wide_folders([source.path for source in both])
    findings += words.find_empty_names([source.path for source in both])
    findings += words.find_banned_words(_texts(both))
    left = apply_excuses(_largest(findings), read_excuses(HERE / "allow_list.toml"))
    assert not left, render(left)


def test_no_new_swappable_parameters(code: list[Source]) -> None:
    known = set(tomllib.loads((HERE / "warn_list.toml").read_text("utf-8"))["swappable_parameters"])
    findings = list(parameters.find_swappable_parameters(code))
    new = [finding for finding in findings if finding.where not in known]
    gone = known - {finding.where for finding in findings}
    assert not new, "make one keyword-only:\n" + render(new)
    assert not gone, f"repaired; remove from warn_list.toml: {sorted(gone)}"


def _largest(findings: Iterable[Finding]) -> list[Finding]:
    """Return one finding per rule and place, the largest."""
    worst: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        place = (finding.rule, finding.where)
        if place not in worst or finding.size > worst[place].size:
            worst[place] = finding
    return list(worst.values())


def _texts(sources: Iterable[Source]) -> list[tuple[str, str]]:
    """Return (path, text) of code and documents; the checkers name the words they ban."""
    documents = [
        path
        for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("changes/*")]
        if path.is_file()
    ]
    return [
        (source.path, source.text)
        for source in sources
        if not source.path.startswith("tests/tidy/")
    ] + [(str(path.relative_to(ROOT)), path.read_text("utf-8")) for path in documents]
