"""A run of many proofs, kept row by row in a file, so that a run that was cut short goes on.

A line of the file is one finished row. It counts again only for the same row, size, seed and code:
after a change of the product everything is tried anew. What failed stays failed; it is not tried
until it holds. The last line may be torn, since a kill can fall into it; it is tried again.
"""

import fcntl
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from memory_core.errors import InvalidInput
from memory_core.journal.temporary import temporary
from memory_core.proofs.row import Proof, carry_out, code_digest

Line = Mapping[str, Any]
"""The result of a row, as `memory_core.proofs.row.carry_out` returns it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which rows are run, with which seed and sizes."""

    proofs: Sequence[Proof]
    seed: int = 1
    size: int | None = None
    """Cases of every row; None for each row's own."""
    short: bool = False
    """Whether a row's own size is that of the test suite."""

    def size_of(self, proof: Proof) -> int:
        """Return how many cases of a row are tried."""
        return self.size or (proof.short if self.short else proof.size)

    def holds(self, line: Line) -> bool:
        """Return whether a kept result is one of this plan, of the code as it is now."""
        wanted = {proof.row: self.size_of(proof) for proof in self.proofs}
        return (
            wanted.get(line.get("row", "")) == line.get("size")
            and line.get("seed") == self.seed
            and line.get("code") == code_digest()
        )


def run_plan(plan: Plan, out: Path | None = None, *, afresh: bool = False) -> Iterator[Line]:
    """Yield the result of every row, those kept in a file first and without running them.

    Args:
        plan: what to run.
        out: the file that keeps the results; None keeps nothing.
        afresh: begin anew whatever the file holds.

    Raises:
        InvalidInput: another run writes the file, or it is something else than results.
    """
    with _kept(plan, out, afresh) as (lines, file):
        yield from lines
        done = {line["row"] for line in lines}
        for proof in plan.proofs:
            if proof.row not in done:
                line = attempt(proof, seed=plan.seed, size=plan.size_of(proof))
                if file is not None:
                    _append(file, line)
                yield line


def attempt(proof: Proof, *, seed: int, size: int) -> Line:
    """Run one row in a directory of its own; a row that breaks down has failed."""
    with temporary(Path(tempfile.gettempdir()), "memory-prove") as place:
        try:
            return carry_out(proof, place / "home", seed=seed, size=size)
        except Exception as error:  # whatever it was, the other rows are still to be run
            traceback.print_exc(file=sys.stderr)
            told = f"the row broke down: {type(error).__name__}: {error}"[:1_000]
            return {
                "row": proof.row, "promise": proof.promise, "size": size, "skipped": None, "n": 1,
                "failures": 1, "first_failures": [told], "injected": 0, "measured": {},
                "details": {}, "seed": seed, "code": code_digest(), "seconds": 0.0,
            }  # fmt: skip


def read_lines(path: Path) -> list[Line]:
    """Return the results that a file holds, without a last line that was cut short.

    Raises:
        InvalidInput: a line is no result of a row.
    """
    lines = path.read_text(encoding="utf-8").split("\n")
    found: list[Line] = []
    for number, text in enumerate(lines[:-1], start=1):  # what follows the last "\n" is torn
        try:
            line = json.loads(text)
        except ValueError as error:
            raise InvalidInput(f"{path}:{number} is no result of `memory prove`") from error
        if not isinstance(line, dict) or "row" not in line:
            raise InvalidInput(f"{path}:{number} is no result of `memory prove`")
        found.append(line)
    return found


@contextmanager
def _kept(plan: Plan, out: Path | None, afresh: bool) -> Iterator[tuple[list[Line], TextIO | None]]:
    """Lend what is already known of a plan, and the file that the rest is appended to, locked."""
    if out is None:
        yield [], None
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("a", encoding="utf-8") as old:
        _lock(old, out)
        rows = {proof.row for proof in plan.proofs}
        lines = read_lines(out)
        known = [line for line in lines if not afresh and plan.holds(line)]
        others = [line for line in lines if line["row"] not in rows]
        new = out.with_name(f".{out.name}.new")
        with new.open("w", encoding="utf-8") as file:
            _lock(file, new)
            for line in (*others, *known):
                _append(file, line)
            new.replace(out)
            yield known, file


def _lock(file: TextIO, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise InvalidInput(f"{path} is being written by another run; wait for it") from error


def _append(file: TextIO, line: Line) -> None:
    file.write(json.dumps(line, ensure_ascii=False) + "\n")
    file.flush()
    os.fsync(file.fileno())
