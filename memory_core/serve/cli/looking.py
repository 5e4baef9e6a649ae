"""Verbs that look: recall, show, history, list."""

from typing import Annotated

import typer

from memory_core.answers import RecallResult
from memory_core.serve.cli.session import Session, line
from memory_core.serve.cli.writing import Id


def recall(
    context: typer.Context,
    question: str,
    k: Annotated[int, typer.Option("--k", "-k", help="How many memories.")] = 5,
    explain: Annotated[bool, typer.Option(help="Show where every score comes from.")] = False,
    budget: Annotated[int | None, typer.Option(help="Tokens of context.")] = None,
    as_of: Annotated[str | None, typer.Option(help="World time.")] = None,
    known_at: Annotated[str | None, typer.Option(help="Store time.")] = None,
    now: Annotated[str | None, typer.Option(help="The moment to count from.")] = None,
    session: Annotated[str | None, typer.Option(help="Only this session.")] = None,
    for_action: Annotated[
        bool, typer.Option("--for-action", help="Only memories of trusted sources.")
    ] = False,
) -> None:
    """Recall what answers a question best."""
    options: Session = context.obj
    with options.open() as memory:
        result = memory.recall(
            question, k=k, token_budget=budget, as_of=as_of, known_at=known_at, now=now,
            where=None if session is None else {"session": session}, for_action=for_action,
        )  # fmt: skip
        if options.json:
            options.emit(as_dict(result, explain), "")
        else:
            _print(options, result, explain)


def show(context: typer.Context, id: Id) -> None:
    """Show one memory with its links."""
    options: Session = context.obj
    with options.open() as memory:
        found, links = memory.get(id), memory.links(id)
    fields = "\n".join(f"{n:<12} {v}" for n, v in found.model_dump().items() if v not in (None, {}))
    told = "\n".join(f"{link.source} {link.relation} {link.target}" for link in links)
    options.emit({**found.model_dump(mode="json"), "links": list(links)}, f"{fields}\n{told}")


def history(context: typer.Context, id: Id) -> None:
    """Show every version of a memory."""
    options: Session = context.obj
    with options.open() as memory:
        changes = memory.history(id)
    told = "\n".join(
        f"{c.version:>6}  {c.at:%Y-%m-%d %H:%M:%S}  {c.event:<12} {c.memory and c.memory.text}"
        for c in changes
    )
    options.emit(list(changes), told)


def list_memories(
    context: typer.Context,
    limit: int = 20,
    offset: int = 0,
    session: Annotated[str | None, typer.Option(help="Only this session.")] = None,
) -> None:
    """List live memories, the newest first."""
    options: Session = context.obj
    with options.open() as memory:
        where = None if session is None else {"session": session}
        found = memory.list(where=where, limit=limit, offset=offset)
    options.emit(list(found), "\n".join(line(m) for m in found) or "nothing stored yet")


def as_dict(result: RecallResult, explain: bool) -> dict[str, object]:
    """Return a result as JSON can carry it."""
    answer: dict[str, object] = {
        "status": result.status,
        "notes": [note.text for note in result.notes],
        "recall_id": result.recall_id,
        "seconds": result.seconds,
        "hits": [
            {
                "memory": hit.memory, "score": hit.score, "signals": dict(hit.signals),
                "terms": dict(hit.terms), "span": hit.span, "reasons": hit.reasons,
            }
            for hit in result.hits
        ],
        "context": result.context,
    }  # fmt: skip
    if explain:
        answer["trace"] = [
            {
                "stage": step.name, "seconds": step.seconds, "kept": len(step.hits),
                "cut": [[cut.hit.id, cut.reason] for cut in step.hits.cuts],
            }
            for step in result.trace
        ]  # fmt: skip
    return answer


def _print(options: Session, result: RecallResult, explain: bool) -> None:
    for rank, hit in enumerate(result.hits, 1):
        options.emit(None, f"{rank}. {hit.score:.3f}  {line(hit.memory)}")
        if explain:
            terms = "  ".join(f"{name} {value:+.3f}" for name, value in hit.terms.items())
            options.emit(None, f"          = {terms}")
    if explain:
        steps = [(s.name, len(s.hits), len(s.hits.cuts), s.seconds * 1000) for s in result.trace]
        options.table(steps, "stage", "kept", "cut", "ms")
    notes = "; ".join(result.reasons)
    options.emit(None, f"{result.status} in {result.seconds * 1000:.0f} ms: {notes}")


VERBS = {"recall": recall, "show": show, "history": history, "list": list_memories}
