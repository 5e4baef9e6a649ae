"""Short versions of the index's proofs; `memory prove D2 I1 I2 I3` tries harder."""

from pathlib import Path

import pytest

from memory_core.proofs.indexing import PROOFS
from memory_core.proofs.row import carry_out


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.row)
def test_the_promise_holds(proof, tmp_path: Path) -> None:
    line = carry_out(proof, tmp_path / "home", seed=7, size=proof.short)
    assert line["first_failures"] == []
    assert line["failures"] == 0
    assert line["n"]
    assert line["injected"]


def test_damage_is_missed_when_files_are_not_compared(tmp_path: Path) -> None:
    """The harness can fail: with that bug in the product, I1 says so."""
    proof = next(proof for proof in PROOFS if proof.row == "I1")
    line = carry_out(proof, tmp_path / "home", seed=7, size=5, planted="believe the files")
    assert line["failures"]
