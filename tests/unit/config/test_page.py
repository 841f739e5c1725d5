"""The generated page is current and complete."""

from pathlib import Path

from atoll.config.page import render_page
from atoll.config.schema import ENTRIES

PAGE = Path(__file__).parents[3] / "docs" / "operations" / "configuration.md"


def test_the_page_in_the_repository_is_what_the_schema_renders():
    # To bring it up to date: atoll config page > docs/operations/configuration.md
    assert PAGE.read_text(encoding="utf-8") == render_page()


def test_the_page_names_every_setting_once():
    page = render_page()
    for entry in ENTRIES:
        assert page.count(f"| `{entry.name}` |") == 1
        assert f"`{entry.env}`" in page
