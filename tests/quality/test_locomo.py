"""The recall targets, on one development conversation; skipped where the data is not at hand."""

from pathlib import Path
from statistics import mean

import pytest

from memory_core.interchange.locomo import load_locomo
from tests.quality.locomo import Measured, filled, measure

DATA = Path(__file__).parents[3] / "shared" / "data" / "eval" / "locomo_dev5.json"


@pytest.mark.skipif(not DATA.exists(), reason=f"{DATA.name} is not at hand")
def test_recall_and_pool_reach_their_targets(tmp_path: Path) -> None:
    measured = Measured()
    for conversation, memory in filled(str(tmp_path), load_locomo(DATA)[:1]):
        measure(measured, conversation, memory)
    assert len(measured.pool) > 100
    assert measured.at(10) >= 0.62
    assert mean(measured.pool) >= 0.90
