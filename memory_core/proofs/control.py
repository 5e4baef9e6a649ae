"""D5: the proofs can fail. Every planted bug must be caught by the row it is planted for.

And without it the same run, with the same seed and size, must find nothing.
"""

import random

from memory_core.errors import MemoryCoreError
from memory_core.proofs.browser import browser_path
from memory_core.proofs.plant import Plant
from memory_core.proofs.plants import PLANTS
from memory_core.proofs.row import Findings, Proof, Run

SEED = 1


def prove_control(run: Run, findings: Findings) -> None:
    """Plant the first `run.size` bugs one after another."""
    from memory_core.proofs.table import PROOFS

    caught = 0
    honest: dict[tuple[str, int], int] = {}
    for name, plant in list(PLANTS.items())[: run.size]:
        if plant.row == "T9" and browser_path() is None:
            findings.measured["T9"] = "no Chromium is installed: not tried"
            continue
        proof = PROOFS[plant.row]
        found = _broken_promises(proof, plant, run, name)
        findings.injected += 1
        caught += found > 0
        findings.check(found > 0, f"{plant.row} did not notice {name}: {plant.bug}")
        findings.measured[f"{plant.row} {name}"] = found
        case = plant.row, plant.size or proof.short
        if run.size >= len(PLANTS) and case not in honest:
            honest[case] = _broken_promises(proof, plant, run, None)
            findings.check(not honest[case], f"{plant.row} fails without a planted bug, too")
    findings.measured["caught"] = f"{caught} of {findings.injected}"


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
