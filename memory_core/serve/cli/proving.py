"""`memory prove`: run the proofs; one JSON line each, or one table of all."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memory_core.errors import NotFound
from memory_core.serve.cli.session import Session

if TYPE_CHECKING:
    from memory_core.proofs.suite import Line

KEPT = Path("memory-proofs.jsonl")
BROKEN, NOT_TRIED = 3, 4
"""Exit codes: a promise broke; none broke, and some rows could not be tried on this machine."""


def prove(
    context: typer.Context,
    rows: Annotated[list[str], typer.Argument(help="Rows such as D1 C1, or `all`.")],
    seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 1,
    size: Annotated[
        int | None, typer.Option("--n", "--size", "--kills", min=1, help="Cases to try.")
    ] = None,
    short: Annotated[bool, typer.Option(help="The sizes of the test suite.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(help=f"File that keeps finished rows, to go on after a stop; {KEPT} for all."),
    ] = None,
    afresh: Annotated[bool, typer.Option(help="Run again what that file holds.")] = False,
) -> None:
    """Try to break the promises; exit code 3 if one broke, 4 if only some could not be tried."""
    from memory_core.proofs.suite import Plan, run_plan
    from memory_core.proofs.table import PROOFS

    whole = [row.lower() for row in rows] == ["all"]
    chosen = list(PROOFS) if whole else [row.upper() for row in rows]
    if unknown := [row for row in chosen if row not in PROOFS]:
        raise NotFound(f"no proof {', '.join(unknown)}; there are {', '.join(PROOFS)}")
    options: Session = context.obj
    plan = Plan([PROOFS[row] for row in chosen], seed=seed, size=size, short=short)
    lines: list[Line] = []
    for line in run_plan(plan, out or (KEPT if whole else None), afresh=afresh):
        lines.append(line)
        if whole and not options.json:
            _tell(line, len(lines), len(chosen))
        else:
            sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
            sys.stdout.flush()
    if whole and not options.json:
        _print(lines)
    if any(line["failures"] for line in lines):
        raise typer.Exit(BROKEN)
    if any(line["skipped"] for line in lines):
        raise typer.Exit(NOT_TRIED)


def _tell(line: "Line", number: int, count: int) -> None:
    how = f"not tried: {line['skipped']}" if line["skipped"] else f"{line['failures']} failures"
    sys.stderr.write(
        f"[{number}/{count}] {line['row']} {line['promise']}: {how}, {line['seconds']} s\n"
    )
    sys.stderr.flush()


def _print(lines: "list[Line]") -> None:
    from memory_core.proofs.report import failures_of, summary_of, table_of
    from memory_core.proofs.table import PROOFS

    order = list(PROOFS)
    lines.sort(key=lambda line: order.index(line["row"]))
    told = [table_of(lines), "", summary_of(lines), *failures_of(lines)]
    sys.stdout.write("\n".join(told) + "\n")


VERBS = {"prove": prove}
