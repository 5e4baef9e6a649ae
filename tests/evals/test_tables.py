"""The tables in the docs are those of the results kept beside them."""

import re
from pathlib import Path

import pytest

from tests.evals.tables import BLOCK, DOCS, RESULTS, filled

PICTURE = re.compile(r"!\[[^\]]+\]\(results/([^)]+)\)")
PAGES = [page for page in sorted(DOCS.rglob("*.md")) if BLOCK.search(page.read_text())]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_shows_the_results_that_are_kept(page: Path) -> None:
    assert filled(page.read_text()) == page.read_text(), "run: python -m tests.evals.tables"


def test_every_result_is_shown() -> None:
    pages = [page.read_text() for page in PAGES]
    shown = {found[2] for page in pages for found in BLOCK.findall(page)}
    shown |= {name for page in pages for name in PICTURE.findall(page)}
    assert shown == {path.name for path in RESULTS.iterdir()}
