"""Each checker finds its breach in a bad sample and nothing in a good one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tidy import (
    docstrings,
    documents,
    faults,
    frozen,
    layers,
    parameters,
    sizes,
    state,
    totality,
    words,
)
from tidy.tree import Excuse, Finding, Source, apply_excuses

Checker = Callable[[Iterable[Source]], Iterator[Finding]]

_BODY = "\n".join(f"    a{number} = {number}" for number in range(80))
_METHODS = "\n".join(f"    def m{number}(self): ..." for number in range(16))
_ROWS = "\n".join(f"X{number} = {number}" for number in range(700))

SAMPLES: list[tuple[str, Checker, str, str]] = [
    ("file_lines", sizes.find_long_files, _ROWS, "X = 1"),
    ("function_lines", sizes.find_long_functions, f"def f():\n{_BODY}", "def f():\n    return 1"),
    (
        "parameters",
        sizes.find_many_parameters,
        "def f(a, b, c, d, *, e, f, g): ...",
        "def f(a, b, c, d, *, e, f): ...",
    ),
    ("public_methods", sizes.find_wide_classes, f"class A:\n{_METHODS}", "class A:\n    x = 1"),
    ("docstring", docstrings.find_missing_docstrings, "X = 1", '"""It speaks HTTP/1.1 well."""'),
    ("docstring", docstrings.find_missing_docstrings, '"""Words"""', '"""It owns the drives."""'),
    (
        "banned_call",
        words.find_banned_calls,
        "from asyncio import gather as g\nasync def f(a):\n    await g(a)",
        "import asyncio\nasync def f():\n    await asyncio.sleep(0)",
    ),
    (
        "banned_call",
        words.find_banned_calls,
        "import datetime\nX = datetime.datetime.now()",
        "import datetime\nX = datetime.datetime(2020, 1, 1)",
    ),
    ("banned_call", words.find_banned_calls, "import os\nX = os.environ.get('A')", "import os"),
    ("print", words.find_prints, "print('x')", "'print'"),
    (
        "broad_except",
        words.find_broad_excepts,
        "try:\n    f()\nexcept (OSError, Exception):\n    pass",
        "try:\n    f()\nexcept Exception:\n    undo()\n    raise",
    ),
    (
        "module_state",
        state.find_mutable_state,
        "cache = {}",
        "from typing import Final\nx: Final = {}",
    ),
    (
        "module_state",
        state.find_mutable_state,
        "SEEN = set()\ndef f(x):\n    SEEN.add(x)",
        "SEEN = {1}",
    ),
    (
        "module_state",
        state.find_mutable_state,
        "T = {}\ndef f(x):\n    T[x] = 1",
        "def f():\n    t = {}\n    t[1] = 1",
    ),
    ("module_state", state.find_mutable_state, "X = 1\ndef f():\n    global X\n    X = 2", "X = 1"),
    (
        "unbounded_cache",
        state.find_unbounded_caches,
        "import functools\n@functools.cache\ndef f(a): ...",
        "import functools\n@functools.lru_cache(maxsize=64)\ndef f(a): ...",
    ),
    (
        "swappable_parameters",
        parameters.find_swappable_parameters,
        "def f(bucket: str, key: str): ...",
        "def f(bucket: str, *, key: str): ...",
    ),
]


@pytest.mark.parametrize(("rule", "find", "bad", "good"), SAMPLES)
def test_checker_finds_the_bad_sample_only(rule: str, find: Checker, bad: str, good: str) -> None:
    assert {finding.rule for finding in find([Source("src/atoll/sample.py", bad)])} == {rule}
    assert list(find([Source("src/atoll/sample.py", good)])) == []


def test_time_may_be_read_where_it_lives() -> None:
    text = "import time\nX = time.time_ns()"
    assert list(words.find_banned_calls([Source("src/atoll/base/clock.py", text)])) == []
    assert list(words.find_banned_calls([Source("src/atoll/base/other.py", text)]))


def test_contract_methods_do_not_count_for_those_who_fulfil_it() -> None:
    contract = f"from typing import Protocol\nclass C(Protocol):\n{_METHODS}"
    both = [Source("a.py", contract), Source("b.py", f"class D:\n{_METHODS}")]
    assert list(sizes.find_wide_classes(both)) == []


def test_boilerplate_is_a_sentence_in_three_modules() -> None:
    sources = [Source(f"{n}.py", '"""This module is part of it."""') for n in range(3)]
    assert len(list(docstrings.find_boilerplate(sources))) == 3
    assert list(docstrings.find_boilerplate(sources[:2])) == []


def test_wide_folders_are_found_but_for_the_support_matrix() -> None:
    assert list(sizes.find_wide_folders(f"src/atoll/x/m{n}.py" for n in range(21)))
    assert not list(sizes.find_wide_folders(f"src/atoll/s3/actions/m{n}.py" for n in range(40)))


@pytest.mark.parametrize(
    "line", ["# TODO later", "FIXME: x", "as in the last session", "see /work/main/x"]
)
def test_banned_words_are_found(line: str) -> None:
    assert list(words.find_banned_words([("a.md", f"fine\n{line}\n")]))


def test_plain_words_are_not_banned() -> None:
    assert not list(words.find_banned_words([("a.md", "a session token, a tool, a helper\n")]))


@pytest.mark.parametrize("path", ["src/atoll/utils.py", "src/x/helpers/y.py", "src/put_part2.py"])
def test_empty_names_are_found(path: str) -> None:
    assert list(words.find_empty_names([path]))


def test_good_names_pass() -> None:
    assert not list(words.find_empty_names(["src/atoll/objects/put.py", "src/x/upload_part.py"]))


def test_an_existing_package_must_stand_in_the_layers() -> None:
    contracts = [
        {"name": layers.LAYERS, "layers": ["atoll.s3 | (atoll.admin)", "atoll.base"]},
        {"name": layers.CORE_LAYERS, "layers": ["atoll.core.quorum"]},
    ]
    modules = {"atoll.s3", "atoll.admin", "atoll.base", "atoll.jobs", "atoll.core.rules"}
    found = {finding.where for finding in layers.find_missing_layers(contracts, modules)}
    assert found == {"atoll.admin", "atoll.jobs", "atoll.core.rules"}


def test_an_existing_package_must_stand_in_its_contracts() -> None:
    contracts = [
        {
            "name": layers.PURE,
            "source_modules": ["atoll.core"],
            "forbidden_modules": sorted(layers.IMPURE - {"os"}),
        }
    ]
    modules = {"atoll.core", "atoll.s3.sigv4", "atoll.fuse"}
    found = {finding.where for finding in layers.find_incomplete_contracts(contracts, modules)}
    assert found == {"atoll.s3.sigv4", "os", layers.FUSE}


def test_broken_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("# The Second, page\n", "utf-8")
    text = (
        "[ok](b.md) [ok](b.md#the-second-page) [far](https://a.b) `[no](x)`\n"
        "[gone](c.md) [gone](b.md#third)\n"
    )
    found = [finding.message for finding in documents.find_broken_links([("a.md", text)], tmp_path)]
    assert found == ["c.md does not exist", "b.md#third: no such heading"]


def test_notes_missing_in_an_index_are_found(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("[a](a.md)", "utf-8")
    (tmp_path / "a.md").touch()
    (tmp_path / "b.md").touch()
    found = [finding.message for finding in documents.find_unlisted(tmp_path)]
    assert found == ["does not link b.md"]


def test_the_map_names_all_packages_and_no_other() -> None:
    text = "| `s3/` | front |\n| `ghost/` | none |\n"
    found = [finding.message for finding in documents.find_map_gaps(text, {"s3", "jobs"})]
    assert found == ["does not name jobs/", "names ghost/, which does not exist"]
    assert list(documents.find_map_gaps("\n" * 201, set()))


def test_files_named_in_documents_must_exist(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "put.py").touch()
    text = "`src/put.py` and `src/get.py`"
    found = [finding.where for finding in documents.find_named_files(text, tmp_path, "none")]
    assert found == ["src/get.py"]


def test_faults_and_their_tests_must_pair() -> None:
    tests = [Source("tests/cluster/test_kill.py", "def test_s01_s12_kill(): ...\n")]
    row = "| {} | killed | nothing | {} |\n"
    whole = row.format(1, "`test_kill.py`") + row.format(12, "`test_kill.py`")
    assert not list(faults.find_untold_faults(("page", whole), tests))
    for bad, finding in [
        (row.format(1, "`test_kill.py`"), "fault 12 does not name test_kill.py"),
        (whole + row.format(2, "`test_kill.py`"), "fault 2 has no test_s02_… in test_kill.py"),
        (whole + row.format(3, "none"), "fault 3 names no test"),
    ]:
        found = faults.find_untold_faults(("page", bad), tests)
        assert [one.message for one in found] == [finding]


def test_undocumented_names_are_found() -> None:
    found = documents.find_undocumented("key", ["tls_cert", "listen"], "`listen` and tls_cert", "p")
    assert [finding.message for finding in found] == ["does not explain tls_cert"]


def test_error_leaves_without_a_row_are_found() -> None:
    class Family(Exception): ...

    class First(Family): ...

    class Second(Family): ...

    assert totality.find_leaves(Family) == {First, Second}
    found = totality.find_untabled({First, Second}, {First}, "table")
    assert [finding.message for finding in found] == ["has no row for Second"]


def test_routes_and_action_files_must_pair() -> None:
    found = totality.find_unpaired(
        routed=["GetObject", "PutObject", "GetTorrent"],
        served={"GetObject": "group", "PutObject": "put_object", "Stray": "stray"},
        modules=["group", "get_object", "put_object", "stray", "rows", "idle"],
        shared=["rows", "ghost"],
        page="GetObject and PutObject; refused:",
    )
    assert [(finding.rule, finding.where) for finding in found] == [
        ("action_route", "stray"),
        ("action_page", "GetTorrent"),
        ("action_file", "get_object"),
        ("action_file", "idle"),
        ("action_file", "ghost"),
        ("action_file", "group"),
    ]


def test_served_actions_without_live_tests_are_found() -> None:
    found = totality.find_untested_actions(
        served=["GetObject", "PutObject"],
        routed=["GetObject", "PutObject", "GetObjectTorrent"],
        files=["test_get_object", "test_get_object_torrent", "test_everything"],
    )
    assert [finding.where for finding in found] == ["PutObject", "test_everything"]


def test_names_that_a_package_offers_and_does_not_export_are_found() -> None:
    text = "from os import path\nfrom atoll.a import B, C as _c\ndef f(): ...\n__all__ = ['f', 'g']"
    sources = [Source("src/atoll/x/__init__.py", text), Source("src/atoll/x/y.py", text)]
    found = [finding.message for finding in totality.find_incomplete_exports(sources)]
    assert found == ["__all__ lacks B", "__all__ has g, which is not there"]
    good = Source("src/atoll/x/__init__.py", "from atoll.a import B\n__all__ = ['B']")
    empty = Source("src/atoll/z/__init__.py", '"""Nothing."""')
    assert not list(totality.find_incomplete_exports([good, empty]))


def test_settings_that_nobody_reads_are_found() -> None:
    sources = [
        Source("src/atoll/config/schema.py", "x = settings.idle"),
        Source("src/atoll/node/build.py", "x = settings.used"),
    ]
    found = totality.find_idle_settings(["idle", "used"], sources)
    assert [finding.where for finding in found] == ["idle"]


def test_documents_named_in_code_must_exist(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").touch()
    source = Source("x.py", '"""Source docs/a.md, and docs/b/c-d.md."""')
    found = [finding.message for finding in documents.find_missing_documents([source], tmp_path)]
    assert found == ["refers to docs/b/c-d.md, which does not exist"]


@pytest.mark.parametrize(
    ("action", "module"),
    [
        ("GetObject", "get_object"),
        ("ListObjectsV2", "list_objects_v2"),
    ],
)
def test_module_of_action(action: str, module: str) -> None:
    assert totality.module_of_action(action) == module


def test_formats_need_a_page_and_vectors() -> None:
    found = totality.find_unspecified_formats(
        ["shard_v1", "head_v1"],
        {"docs/formats/shard.md": "see `core/formats/shard_v1.py`"},
        ["tests/vectors/formats/head-v1.json"],
    )
    assert [(finding.rule, finding.where) for finding in found] == [
        ("format_page", "head_v1"),
        ("format_vectors", "shard_v1"),
    ]


def test_frozen_files_must_not_change_vanish_or_be_unlisted() -> None:
    found = frozen.find_thawed({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "9", "d": "4"})
    assert [finding.where for finding in found] == ["b", "c", "d"]


def test_the_allow_list_only_shrinks() -> None:
    finding = Finding("file_lines", "a.py", "long", 610)
    assert apply_excuses([finding], [Excuse("file_lines", "a.py", "table", 620)]) == []
    assert apply_excuses([finding], [Excuse("file_lines", "a.py", "table", 600)]) == [finding]
    assert apply_excuses([finding], [Excuse("file_lines", "a.py", "table", 900)])
    assert apply_excuses([finding], [Excuse("file_lines", "a.py", " ", 620)])
    assert apply_excuses([], [Excuse("file_lines", "a.py", "table", 620)])
