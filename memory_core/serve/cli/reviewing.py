"""`memory review`: contradictions and quarantined memories that wait for a decision."""

from typing import Annotated

import typer

from memory_core.lifecycle import provenance, review
from memory_core.manager import MemoryManager
from memory_core.serve.cli.session import Session, line
from memory_core.serve.cli.writing import Id

app = typer.Typer(
    help="Decide on contradictions and quarantined memories.", invoke_without_command=True
)

Number = Annotated[int, typer.Argument(help="The proposal's number.")]


@app.callback()
def waiting(context: typer.Context) -> None:
    """List what waits for a decision; `find` looks for contradictions first."""
    if context.invoked_subcommand is None:
        with context.obj.open() as memory:
            _tell(context.obj, memory)


@app.command()
def find(context: typer.Context) -> None:
    """Look for contradictions among what is true now, and list what waits."""
    with context.obj.open() as memory:
        review.propose(memory)
        _tell(context.obj, memory)


@app.command()
def accept(context: typer.Context, number: Number) -> None:
    """Close the earlier memory where the later one begins."""
    options: Session = context.obj
    with options.open() as memory:
        closed = review.accept(memory, number)
    options.emit(closed, f"superseded {line(closed)}")


@app.command()
def reject(context: typer.Context, number: Number) -> None:
    """Let both memories stand."""
    options: Session = context.obj
    with options.open() as memory:
        review.reject(memory, number)
    options.emit({"rejected": number}, f"rejected {number}: both stand")


@app.command()
def let_in(context: typer.Context, id: Id, reason: str | None = None) -> None:
    """Let a quarantined memory be recalled."""
    options: Session = context.obj
    with options.open() as memory:
        admitted = provenance.let_in(memory, id, reason)
    options.emit(admitted, f"let in, trust {admitted.trust}: {line(admitted)}")


@app.command()
def trust(context: typer.Context, id: Id, level: str, reason: str | None = None) -> None:
    """Decide how far a memory is believed: quarantined, low, normal or high."""
    options: Session = context.obj
    with options.open() as memory:
        decided = provenance.set_trust(memory, id, level, reason)
    options.emit(decided, f"trust {decided.trust}: {line(decided)}")


def _tell(options: Session, memory: MemoryManager) -> None:
    waiting, held = review.proposals(memory), review.quarantined(memory)
    lines = [
        f"{p.id}  {p.rule}\n    earlier  {line(p.earlier)}\n    later    {line(p.later)}"
        for p in waiting
    ]
    lines += [f"quarantined  {line(one)}" for one in held]
    values = [
        {"proposal": p.id, "rule": p.rule, "earlier": p.earlier, "later": p.later} for p in waiting
    ]
    options.emit(
        {"contradictions": values, "quarantined": list(held)},
        "\n".join(lines) or "nothing waits for a decision",
    )
