"""The house is in order: contracts, documents, tables and frozen bytes match the tree."""

from __future__ import annotations

import tomllib

from atoll.base import errors
from atoll.cli.exits import ExitCode
from atoll.config.schema import ENTRIES
from atoll.s3 import errors as s3_errors
from atoll.s3.registry import load_actions
from atoll.s3.routes import table_rows
from tidy import documents, faults, frozen, layers, totality
from tidy.tree import ROOT, read_sources, render

PACKAGE = ROOT / "src" / "atoll"

#: Modules of core/formats that are no record: frames that several records share.
SHARED_FORMATS = {"framed", "sealed_json"}
#: Formats whose types lie above core: their module, and what their vectors are named after.
HIGHER_FORMATS = {"drives/identity.py": "drive_identity", "iam/credential_file.py": "credentials"}
#: Modules of s3/actions that serve nothing and that several actions use.
SHARED_ACTION_MODULES: frozenset[str] = frozenset()


def _modules() -> set[str]:
    """Return the dotted names of all modules and packages."""
    paths = [path.relative_to(ROOT / "src") for path in PACKAGE.rglob("*.py")]
    names = {".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in paths}
    return names - {"atoll"}


def _packages() -> set[str]:
    """Return the folders directly below the package."""
    return {path.parent.name for path in PACKAGE.glob("*/__init__.py")}


def _documents() -> list[tuple[str, str]]:
    paths = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("changes/*.md")]
    return [(str(path.relative_to(ROOT)), path.read_text("utf-8")) for path in sorted(paths)]


def test_import_contracts_speak_of_every_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    found = [
        *layers.find_missing_layers(contracts, _modules()),
        *layers.find_incomplete_contracts(contracts, _modules()),
    ]
    assert not found, render(found)


def test_no_package_is_an_empty_placeholder() -> None:
    empty = [
        str(path.relative_to(ROOT))
        for path in PACKAGE.rglob("__init__.py")
        if path.parent != PACKAGE and len(list(path.parent.rglob("*.py"))) == 1
        and path.read_text("utf-8").count("\n") < 10
    ]  # fmt: skip
    assert not empty


def test_links_in_documents_resolve() -> None:
    found = list(documents.find_broken_links(_documents(), ROOT))
    assert not found, render(found)


def test_architecture_maps_the_tree() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    found = [
        *documents.find_map_gaps(text, _packages()),
        *documents.find_named_files(text, ROOT, "src/atoll"),
    ]
    assert not found, render(found)


def test_the_page_of_faults_names_their_tests() -> None:
    path = "docs/operations/faults.md"
    page = (path, (ROOT / path).read_text("utf-8"))
    found = list(faults.find_untold_faults(page, read_sources("tests")))
    assert not found, render(found)


def test_frozen_formats_are_unchanged() -> None:
    found = list(frozen.find_thawed(frozen.read_frozen(), frozen.digest_files()))
    assert not found, render(found)


def test_every_format_has_a_page_and_vectors() -> None:
    modules = {path.stem for path in (PACKAGE / "core" / "formats").glob("[a-z]*.py")}
    pages = {path: text for path, text in _documents() if path.startswith("docs/formats/")}
    vectors = [str(path) for path in (ROOT / "tests" / "vectors").rglob("*") if path.is_file()]
    found = list(totality.find_unspecified_formats(modules - SHARED_FORMATS, pages, vectors))
    assert not found, render(found)


def test_formats_above_core_have_a_page_and_vectors() -> None:
    text = (ROOT / "docs" / "formats" / "README.md").read_text("utf-8")
    found = list(documents.find_undocumented("format_page", HIGHER_FORMATS, text, "docs/formats"))
    assert not found, render(found)
    vectors = {path.stem.rpartition("_")[0] for path in (ROOT / "tests/vectors/formats").iterdir()}
    assert not set(HIGHER_FORMATS.values()) - vectors


def test_every_error_has_a_row_in_the_s3_table() -> None:
    leaves = totality.find_leaves(errors.StoreError)
    found = list(totality.find_untabled(leaves, s3_errors.TABLE, "src/atoll/s3/errors.py"))
    assert not found, render(found)


def test_every_action_is_routed_documented_and_has_a_file() -> None:
    served = {
        action: function.__module__.rpartition(".")[2]
        for action, function in load_actions().items()
    }
    modules = {path.stem for path in (PACKAGE / "s3" / "actions").glob("[a-z]*.py")}
    found = list(
        totality.find_unpaired(
            routed={action for _, _, _, action in table_rows()},
            served=served,
            modules=modules,
            shared=SHARED_ACTION_MODULES,
            page=(ROOT / "docs" / "compatibility" / "s3.md").read_text("utf-8"),
        )
    )
    assert not found, render(found)


def test_every_action_has_a_file_of_live_tests() -> None:
    files = {path.stem for path in (ROOT / "tests" / "compat" / "s3").glob("test_*.py")}
    routed = {action for _, _, _, action in table_rows()}
    found = list(totality.find_untested_actions(served=load_actions(), routed=routed, files=files))
    assert not found, render(found)


def test_packages_export_what_they_offer() -> None:
    found = list(totality.find_incomplete_exports(read_sources("src/atoll")))
    assert not found, render(found)


def test_documents_that_code_refers_to_exist() -> None:
    found = list(documents.find_missing_documents(read_sources("src/atoll"), ROOT))
    assert not found, render(found)


def test_every_exit_code_is_explained() -> None:
    page = "docs/operations/exit-codes.md"
    rows = (ROOT / page).read_text("utf-8")
    missing = [code for code in ExitCode if f"\n| {code.value} |" not in rows]
    assert not missing, f"{page} has no row for {missing}"


def test_every_setting_is_explained() -> None:
    page = "docs/operations/configuration.md"
    text = (ROOT / page).read_text("utf-8")
    names = {entry.name for entry in ENTRIES}
    found = list(documents.find_undocumented("setting", names, text, page))
    assert not found, render(found)


def test_every_setting_is_used() -> None:
    # A secret's file is read where the secret is: in config.
    names = {entry.name for entry in ENTRIES if not entry.name.endswith("_file")} | {"ca_file"}
    found = list(totality.find_idle_settings(names, read_sources("src/atoll")))
    assert not found, render(found)


def test_indexes_name_every_note() -> None:
    found = [
        finding
        for folder in ("docs/design", "docs/decisions", "docs/formats")
        for finding in documents.find_unlisted(ROOT / folder)
    ]
    assert not found, render(found)
