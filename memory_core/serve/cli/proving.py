"""`memory prove`: run the proofs, print one JSON line each."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from memory_core.errors import NotFound
from memory_core.proofs.row import carry_out


def prove(
    rows: Annotated[list[str], typer.Argument(help="Rows such as D1 C1, or `all`.")],
    seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 1,
    size: Annotated[
        int | None, typer.Option("--n", "--size", "--kills", help="Cases to try.")
    ] = None,
    short: Annotated[bool, typer.Option(help="The sizes of the test suite.")] = False,
) -> None:
    """Try to break the promises; exit code 3 if one broke."""
    from memory_core.proofs.table import PROOFS

    chosen = list(PROOFS) if rows == ["all"] else [row.upper() for row in rows]
    if unknown := [row for row in chosen if row not in PROOFS]:
        raise NotFound(f"no proof {', '.join(unknown)}; there are {', '.join(PROOFS)}")
    broken = 0
    for row in chosen:
        proof = PROOFS[row]
        cases = size or (proof.short if short else proof.size)
        with tempfile.TemporaryDirectory() as place:
            line = carry_out(proof, Path(place) / "home", seed=seed, size=cases)
        broken += bool(line["failures"])
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
        sys.stdout.flush()
    if broken:
        raise typer.Exit(3)


VERBS = {"prove": prove}
