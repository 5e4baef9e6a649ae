"""The tables in the docs are those of the results kept beside them."""

from pathlib import Path

import pytest

from tests.evals.tables import BLOCK, DOCS, RESULTS, filled

PAGES = [page for page in sorted(DOCS.rglob("*.md")) if BLOCK.search(page.read_text())]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_shows_the_results_that_are_kept(page: Path) -> None:
    assert filled(page.read_text()) == page.read_text(), "run: python -m tests.evals.tables"


def test_every_result_is_shown() -> None:
    shown = {found[2] for page in PAGES for found in BLOCK.findall(page.read_text())}
    assert shown == {path.name for path in RESULTS.iterdir()}
