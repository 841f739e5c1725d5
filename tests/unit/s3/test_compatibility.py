"""The compatibility page is current and complete."""

from pathlib import Path

from atoll.s3.compatibility import main, render_page
from atoll.s3.registry import load_actions
from fakes.s3_front import service_model

PAGE = Path(__file__).parents[3] / "docs" / "compatibility" / "s3.md"


def test_the_page_is_current():
    expected = render_page(load_actions().keys())
    assert PAGE.read_text("utf-8") == expected, (
        "run: python -m atoll.s3.compatibility docs/compatibility/s3.md"
    )


def test_every_operation_appears_once():
    lines = PAGE.read_text("utf-8").splitlines()
    for name in service_model().operations:
        assert sum(line.startswith(f"| {name} |") for line in lines) == 1, name


def test_an_action_that_is_not_served_moves(tmp_path):
    served = set(load_actions()) - {"GetObject"}
    absent = render_page(served).partition("## Not implemented")[2]
    assert "| GetObject | GET | `/{bucket}/{key}` |" in absent
    main([str(tmp_path / "page.md")])
    assert (tmp_path / "page.md").read_text("utf-8") == render_page(load_actions().keys())
