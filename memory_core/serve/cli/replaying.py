"""`memory replay`: what was recalled, re-executed, explained, and asked "what if"."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from memory_core.answers import RecallResult
from memory_core.errors import InvalidInput, NotFound
from memory_core.manager import MemoryManager
from memory_core.replay import Replay
from memory_core.serve.cli.session import Session, line
from memory_core.types import from_micros

app = typer.Typer(help="What was recalled, and why.")

RecallId = Annotated[str, typer.Argument(help="The recall's id, or `last`.")]


@app.command("list")
def list_recalls(context: typer.Context, limit: int = 20) -> None:
    """List recorded recalls, the newest first."""
    options: Session = context.obj
    with options.open() as memory:
        found = Replay(memory).list(limit)
    plain = [
        {"id": p.id, "at": str(from_micros(p.at)), "session": p.session, "seq": p.seq,
         "text": p.text, "status": p.status, "hits": [hit.id for hit in p.hits]}
        for p in found
    ]  # fmt: skip
    told = "\n".join(
        f"{p.id}  {from_micros(p.at):%Y-%m-%d %H:%M:%S}  {p.status:<8} {len(p.hits):>3} hits"
        f"  {p.text!r}"
        for p in found
    )
    options.emit(plain, told or "no recall is recorded")


@app.command("show")
def show_recall(context: typer.Context, recall_id: RecallId = "last") -> None:
    """Play a recall back: its hits with their terms, its stages, its notes."""
    options: Session = context.obj
    with options.open() as memory:
        played = Replay(memory).playback(recall_named(memory, recall_id))
        told = "\n".join((str(played), "", *texts_of(memory, [hit.id for hit in played.hits])))
    options.emit({**asdict(played), "hits": [asdict(hit) for hit in played.hits]}, told)


@app.command("reexecute")
def reexecute_recall(context: typer.Context, recall_id: RecallId = "last") -> None:
    """Recall the same on the memory as it was; exit code 3 if the result is another."""
    options: Session = context.obj
    with options.open() as memory:
        again = Replay(memory).reexecute(recall_named(memory, recall_id))
        plain = {
            "verdict": again.verdict, "difference": again.difference, "causes": again.causes,
            "same_context": again.same_context, "missed": again.missed, **hits_of(again.result),
        }  # fmt: skip
    options.emit(plain, str(again))
    if not again.exact:
        raise typer.Exit(3)


@app.command("why")
def why_recalled(context: typer.Context, memory_id: str, recall_id: RecallId = "last") -> None:
    """Show which stage kept or lost a memory."""
    options: Session = context.obj
    with options.open() as memory:
        fate = Replay(memory).why(recall_named(memory, recall_id), memory_id)
    options.emit(asdict(fate), str(fate))


@app.command("why-not")
def why_not_recalled(context: typer.Context, wanted: str, recall_id: RecallId = "last") -> None:
    """Show which stage lost a memory, named by id or by a part of its text."""
    options: Session = context.obj
    with options.open() as memory:
        fate = Replay(memory).why_not(recall_named(memory, recall_id), wanted)
    options.emit(asdict(fate), str(fate))


Settings = Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE.")]
Without = Annotated[list[str] | None, typer.Option(help="Hide this memory.")]
Adding = Annotated[list[str] | None, typer.Option("--with", help="A text never stored.")]
Moment = Annotated[str | None, typer.Option(help="A moment, ISO 8601.")]
Number = Annotated[int | None, typer.Option(help="How many memories.")]
Off = Annotated[list[str] | None, typer.Option(help="Leave this stage out.")]
Model = Annotated[str | None, typer.Option(help="Another embedding model.")]
Judge = Annotated[str | None, typer.Option(help="Another cross-encoder.")]
Rerank = Annotated[bool, typer.Option(help="Let the cross-encoder take part.")]


def change_given(**given: Any) -> dict[str, Any]:
    """Return the arguments of `Replay.what_if` that options name; empty where none does."""
    rerank = None if given.pop("rerank") else False
    settings = settings_given(given.pop("setting") or ())
    named = {**given, "rerank": rerank, **settings}
    return {name: value for name, value in named.items() if value is not None}


def recall_named(memory: MemoryManager, recall_id: str) -> str:
    """Return the recall's id; the newest one's for `last`."""
    if recall_id != "last":
        return recall_id
    if not (newest := Replay(memory).list(1)):
        raise NotFound("no recall is recorded yet; run: memory recall QUESTION")
    return newest[0].id


def texts_of(memory: MemoryManager, ids: Sequence[str]) -> list[str]:
    """Return what the memories say today, where they are still there."""
    told = []
    for id in ids:
        try:
            told.append(line(memory.get(id)))
        except NotFound:
            told.append(f"{id}  is not here any more")
    return told


def settings_given(given: Sequence[str]) -> dict[str, Any]:
    """Return settings from NAME=VALUE."""
    values = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise InvalidInput(f"--set {text!r} has no value; write it as NAME=VALUE")
        try:
            values[name] = json.loads(value)
        except json.JSONDecodeError as error:
            raise InvalidInput(f"--set {text!r}: {value!r} is no number; write one") from error
    return values


def hits_of(result: RecallResult) -> dict[str, Any]:
    """Return a result's status and hits as JSON can carry them."""
    return {
        "status": result.status,
        "hits": [
            {"id": hit.id, "score": hit.score, "terms": dict(hit.terms)} for hit in result.hits
        ],
    }
