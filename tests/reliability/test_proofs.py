"""Short versions of the proofs: the promises hold here, and `memory prove` tries harder."""

from pathlib import Path

import pytest

from memory_core.proofs.plants import PLANTS, planted
from memory_core.proofs.row import carry_out
from memory_core.proofs.table import PROOFS

ROWS = ("D1", "D3", "D9", "D10", "D11", "D12", "I4", "I5", "C1", "C2", "U1", "U3", "T1", "T2", "T3",
        "T5", "T6", "T8", "T10", "T11", "U5", "U6", "E1", "E2", "E3", "E4", "L1")  # fmt: skip
WITH_MODEL = ("U2", "U4", "T7")
BUGS = ("late-commit", "keyless", "blind", "normalised", "wall-clock", "open-ids", "words-stay",
        "no-resume", "recordings-stay", "any-receipt", "bare-records", "echo", "few-secrets",
        "half-backup", "returning", "deaf", "talking",
        "every-right", "any-name", "looks-away", "evaluated")  # fmt: skip


def measured(row: str, place: Path, planted: str | None = None) -> dict[str, object]:
    proof = PROOFS[row]
    size = PLANTS[planted].size if planted else None
    return carry_out(proof, place / "home", seed=7, size=size or proof.short, planted=planted)


@pytest.mark.parametrize(
    "row", [*ROWS, *(pytest.param(r, marks=pytest.mark.model) for r in WITH_MODEL)]
)
def test_the_promise_holds(row: str, tmp_path: Path) -> None:
    line = measured(row, tmp_path)
    assert line["first_failures"] == []
    assert line["failures"] == 0
    assert line["n"]
    assert line["injected"]


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_caught(bug: str, tmp_path: Path) -> None:
    assert measured(PLANTS[bug].row, tmp_path, bug)["failures"]


def test_every_bug_is_planted_for_a_row_and_gone_afterwards() -> None:
    for name, plant in PLANTS.items():
        assert plant.row in PROOFS
        before = [
            (owner, attribute, vars(owner).get(attribute)) for owner, attribute, _ in plant.swaps()
        ]
        with planted(name):
            for owner, attribute, honest in before:
                assert vars(owner)[attribute] is not honest
        for owner, attribute, honest in before:
            assert vars(owner).get(attribute) is honest


def test_each_row_is_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reliability.md").read_text()
    for row in PROOFS:
        assert f"| {row} |" in page
