"""What a proof is: a named promise, a function that tries to break it, and its findings."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import apsw


@dataclass(slots=True)
class Findings:
    """What one proof saw; filled while it runs."""

    n: int = 0
    """How many cases were tried."""
    injected: int = 0
    """How many faults really happened."""
    failures: list[str] = field(default_factory=list)
    """Every broken promise, in words."""
    measured: dict[str, float | int | str] = field(default_factory=dict)

    def check(self, holds: bool, complaint: str) -> None:
        """Count a case, and keep the complaint if it does not hold."""
        self.n += 1
        if not holds:
            self.failures.append(complaint)


@dataclass(frozen=True, slots=True)
class Run:
    """What a proof is given: an empty directory, a seed, and how long to go on."""

    place: Path
    random: random.Random
    size: int
    """How many faults or cases to try."""
    planted: str | None = None
    """A bug to plant, so that the proof can show that it would be caught."""


@dataclass(frozen=True, slots=True)
class Proof:
    """One row of the table."""

    row: str
    promise: str
    size: int
    """Cases of the full run."""
    short: int
    """Cases of the run in the test suite."""
    prove: Callable[[Run, Findings], None]


def carry_out(
    proof: Proof, place: Path, *, seed: int, size: int, planted: str | None = None
) -> dict[str, object]:
    """Run a proof and return its JSON line."""
    begun = time.monotonic()
    findings = Findings()
    proof.prove(Run(place, random.Random(seed), size, planted), findings)
    return {
        "row": proof.row,
        "promise": proof.promise,
        "n": findings.n,
        "failures": len(findings.failures),
        "first_failures": findings.failures[:5],
        "injected": findings.injected,
        "measured": findings.measured,
        "seed": seed,
        "versions": {
            "memory-core": version("memory-core"),
            "sqlite": apsw.sqlite_lib_version(),
            "chromadb": version("chromadb"),
        },
        "seconds": round(time.monotonic() - begun, 1),
    }
