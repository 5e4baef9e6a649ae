"""D5: the proofs can fail. Every planted bug must be caught by the row it is planted for.

And without it the same run, with the same seed and size, must find nothing.
"""

import random

from memory_core.errors import MemoryCoreError
from memory_core.proofs.plant import Plant
from memory_core.proofs.plants import PLANTS
from memory_core.proofs.row import Findings, Proof, Run

SEED = 1


def prove_control(run: Run, findings: Findings) -> None:
    """Plant the first `run.size` bugs one after another."""
    from memory_core.proofs.table import PROOFS

    honest: dict[tuple[str, int], int] = {}
    missing: set[str] = set()
    for name, plant in list(PLANTS.items())[: run.size]:
        proof = PROOFS[plant.row]
        told: dict[str, object] = {"row": plant.row, "bug": plant.bug, "found": None}
        findings.details[name] = told
        if proof.missing() is not None:
            missing.add(plant.row)
            continue
        told["found"] = found = _broken_promises(proof, plant, run, name)
        findings.injected += 1
        findings.check(found > 0, f"{plant.row} did not notice {name}: {plant.bug}")
        case = plant.row, plant.size or proof.short
        if run.size >= len(PLANTS) and case not in honest:
            honest[case] = _broken_promises(proof, plant, run, None)
            findings.check(not honest[case], f"{plant.row} fails without a planted bug, too")
    caught = sum(bool(told["found"]) for told in findings.details.values())  # type: ignore[index]
    findings.measured["caught"] = f"{caught} of {findings.injected}"
    if missing:
        findings.measured["not_tried"] = " ".join(sorted(missing))


def _broken_promises(proof: Proof, plant: Plant, run: Run, name: str | None) -> int:
    """Return how many failures a run with that bug (None: without any) ends in."""
    place = run.place / f"{name or 'honest'}-{proof.row}-{plant.size}"
    place.mkdir(parents=True)
    found = Findings()
    size = plant.size or proof.short
    try:
        proof.prove(Run(place / "home", random.Random(SEED), size, name), found)
    except MemoryCoreError:  # the product itself noticed, and the row cannot go on
        return len(found.failures) + 1
    return len(found.failures)


PROOFS = (Proof("D5", "the proofs notice every planted bug", 99, 8, prove_control),)
