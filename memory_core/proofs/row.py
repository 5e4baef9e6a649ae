"""What a proof is: a named promise, a function that tries to break it, and its findings."""

import hashlib
import os
import platform
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path

import apsw

import memory_core


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
    details: dict[str, object] = field(default_factory=dict)
    """What is kept with the result and too long for a table."""

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
    needs: Callable[[], str | None] | None = None
    """Returns what this machine lacks for it, None when nothing; such a row is not tried."""

    def missing(self) -> str | None:
        """Return why the row cannot be tried on this machine, None if it can."""
        return None if self.needs is None else self.needs()


def carry_out(
    proof: Proof, place: Path, *, seed: int, size: int, planted: str | None = None
) -> dict[str, object]:
    """Run a proof and return its JSON line."""
    begun = time.monotonic()
    findings = Findings()
    if (missing := proof.missing()) is None:
        proof.prove(Run(place, random.Random(seed), size, planted), findings)
    return {
        "row": proof.row,
        "promise": proof.promise,
        "size": size,
        "skipped": missing,
        "n": findings.n,
        "failures": len(findings.failures),
        "first_failures": findings.failures[:5],
        "injected": findings.injected,
        "measured": findings.measured,
        "details": findings.details,
        "seed": seed,
        "code": code_digest(),
        "versions": {
            "memory-core": version("memory-core"),
            "sqlite": apsw.sqlite_lib_version(),
            "chromadb": version("chromadb"),
            "python": platform.python_version(),
        },
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "seconds": round(time.monotonic() - begun, 1),
    }


@cache
def code_digest() -> str:
    """Return 12 hexadecimal characters that stand for every module of the product as it is now."""
    root = Path(memory_core.__file__).parent
    seen = hashlib.sha256()
    for file in sorted(root.rglob("*.py")):
        seen.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes() + b"\0")
    return seen.hexdigest()[:12]
