"""What a suite of others is: something that runs, says what passed, and is held to what it said.

A failure that is not listed with its reason is a surprise, and so is a listed one that passes: the
lists stay true in both directions.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Expected = Mapping[str, str]
"""Pattern of test names -> why they cannot pass here."""


@dataclass(frozen=True)
class Result:
    """What a run gave."""

    passed: int
    failed: int = 0
    """Failures that are listed with their reason."""
    skipped: int = 0
    surprises: tuple[str, ...] = field(default_factory=tuple)


@dataclass(frozen=True)
class Suite:
    """One suite from outside."""

    name: str
    """By which it is asked for on the command line."""
    title: str
    """What it is, with its version."""
    run: Callable[[Path], Result]
    """Runs it in a directory that is its own."""


def judged(
    passed: Iterable[str], failed: Iterable[str], expected: Expected, *, skipped: int = 0
) -> Result:
    """Return the result of named tests under the list of what cannot pass."""
    good, bad = sorted(set(passed)), sorted(set(failed))
    used = {pattern: [name for name in bad if re.search(pattern, name)] for pattern in expected}
    explained = {name for names in used.values() for name in names}
    surprises = [f"FAILED {name}" for name in bad if name not in explained]
    surprises += [
        f"expected to fail and did not: {pattern}" for pattern, names in used.items() if not names
    ]
    if not good:
        surprises.append("nothing passed")
    return Result(len(good), len(explained), skipped, tuple(surprises))
