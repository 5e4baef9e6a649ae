"""The recall targets, on one development conversation; skipped where the data is not at hand."""

from pathlib import Path
from statistics import mean

import pytest

from tests.quality.locomo import measured

DATA = Path(__file__).parents[3] / "shared" / "data" / "eval" / "locomo_dev5.json"


@pytest.mark.skipif(not DATA.exists(), reason=f"{DATA.name} is not at hand")
def test_recall_and_pool_reach_their_targets() -> None:
    result = measured(DATA, {"reranker": "off"}, conversations=1)
    assert len(result.rows) > 100
    assert mean(result.values("recall@10", "turn")) >= 0.62
    assert mean(result.known(lambda row: row.pool)) >= 0.90
