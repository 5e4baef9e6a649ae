"""`memory replay what-if`, `diff` and `bisect`: what would change a recall, and what did."""

from typing import Annotated

import typer

from memory_core.replay import Replay
from memory_core.replay.diff import NEVER_STORED
from memory_core.serve.cli.replaying import (
    Adding,
    Judge,
    Model,
    Moment,
    Number,
    Off,
    RecallId,
    Rerank,
    Settings,
    Without,
    app,
    change_given,
    hits_of,
    recall_named,
    texts_of,
)
from memory_core.serve.cli.session import Session

__all__ = ["app"]


@app.command("what-if")
def what_if_recalled(
    context: typer.Context,
    recall_id: RecallId = "last",
    setting: Settings = None,
    without: Without = None,
    adding: Adding = None,
    now: Moment = None,
    as_of: Moment = None,
    k: Number = None,
    off: Off = None,
    model: Model = None,
    reranker: Judge = None,
    rerank: Rerank = True,
) -> None:
    """Recall as it would have been under other conditions, beside what was recorded."""
    options: Session = context.obj
    change = change_given(
        setting=setting, without=without, adding=adding, now=now, as_of=as_of, k=k, off=off,
        embedder=model, reranker=reranker, rerank=rerank,
    )  # fmt: skip
    with options.open() as memory:
        result = Replay(memory).what_if(recall_named(memory, recall_id), **change)
        imagined = result.imagined
        shown = [move.id for move in result.moves if move.id not in imagined]
        told = [f"{id}  never stored: {text}" for id, text in imagined.items()]
        text = "\n".join((str(result), "", *told, *texts_of(memory, shown)))
    options.emit({**result.to_json(), **hits_of(result.result)}, text)


@app.command("diff")
def diff_recalls(
    context: typer.Context,
    before: Annotated[str, typer.Argument(help="A recall's id, or `last`.")],
    after: Annotated[str | None, typer.Argument(help="Another; the same when left out.")] = None,
    setting: Settings = None,
    without: Without = None,
    adding: Adding = None,
    now: Moment = None,
    as_of: Moment = None,
    k: Number = None,
    off: Off = None,
    model: Model = None,
    reranker: Judge = None,
    rerank: Rerank = True,
) -> None:
    """Explain what changed between two recalls, or from one to itself under other conditions."""
    options: Session = context.obj
    change = change_given(
        setting=setting, without=without, adding=adding, now=now, as_of=as_of, k=k, off=off,
        embedder=model, reranker=reranker, rerank=rerank,
    )  # fmt: skip
    with options.open() as memory:
        replay, second = Replay(memory), recall_named(memory, after or before)
        other = replay.what_if(second, **change) if change else second
        found = replay.diff(recall_named(memory, before), other)
        shown = [shift.id for shift in found.shifts if shift.fates[0] != NEVER_STORED]
        told = "\n".join((str(found), "", *texts_of(memory, shown)))
    options.emit(found.to_json(), told)


@app.command("bisect")
def bisect_recall(
    context: typer.Context,
    recall_id: RecallId = "last",
    expect: Annotated[str | None, typer.Option(help="A memory it should recall.")] = None,
    expect_not: Annotated[str | None, typer.Option(help="A memory it should not.")] = None,
    runs: Annotated[int, typer.Option(help="Entries tried at most, apart from halving.")] = 200,
) -> None:
    """Find the entry, then the setting, that changed whether a memory is recalled."""
    options: Session = context.obj
    with options.open() as memory:
        found = Replay(memory).bisect(
            recall_named(memory, recall_id), expect=expect, expect_not=expect_not, runs=runs
        )
        ids = dict.fromkeys(
            id for flip in (*found.flips, *found.settings) for id in (flip.id, *flip.entered) if id
        )
        told = "\n".join((str(found), "", *texts_of(memory, list(ids))))
    options.emit(found.to_json(), told)
