"""`memory replay export` and `gate`: what happened once becomes a test of what comes."""

from pathlib import Path
from typing import Annotated

import typer

from memory_core.replay import Replay
from memory_core.replay.gate import Thresholds
from memory_core.serve.cli.replaying import (
    Judge,
    Model,
    Number,
    Off,
    RecallId,
    Rerank,
    Settings,
    change_given,
    recall_named,
    settings_given,
)
from memory_core.serve.cli.session import Session
from memory_core.serve.cli.tracing_back import app

__all__ = ["app"]


@app.command("export")
def export_recall(
    context: typer.Context,
    recall_id: RecallId = "last",
    pytest: Annotated[Path, typer.Option(help="Write a regression test into this folder.")] = Path(
        "tests"
    ),
    expect: Annotated[str | None, typer.Option(help="A memory it finds recalled.")] = None,
    expect_not: Annotated[str | None, typer.Option(help="A memory it finds not recalled.")] = None,
    setting: Settings = None,
    redact: Annotated[bool, typer.Option(help="Replace every word by another.")] = False,
) -> None:
    """Freeze a recall as a test that plain pytest runs without a model."""
    options: Session = context.obj
    with options.open() as memory:
        found = Replay(memory).export(
            recall_named(memory, recall_id), pytest, expect=expect, expect_not=expect_not,
            redact=redact, **settings_given(setting or ()),
        )  # fmt: skip
    options.emit(found.to_json(), str(found))


@app.command("gate")
def gate_log(
    context: typer.Context,
    setting: Settings = None,
    k: Number = None,
    off: Off = None,
    model: Model = None,
    reranker: Judge = None,
    rerank: Rerank = True,
    limit: Annotated[int, typer.Option(help="The newest recalls, so many at most.")] = 1000,
    jaccard: Annotated[float, typer.Option(help="Least mean overlap.")] = 0.8,
    top: Annotated[float, typer.Option(help="Least share with the same best memory.")] = 0.8,
    latency: Annotated[float, typer.Option(help="Most that the median time grows by.")] = 2.0,
) -> None:
    """Run the log under another configuration; exit code 3 if it changes too much."""
    options: Session = context.obj
    thresholds = Thresholds(jaccard, top, latency)
    change = change_given(
        setting=setting, k=k, off=off, embedder=model, reranker=reranker, rerank=rerank
    )
    with options.open() as memory:
        found = Replay(memory).gate(limit=limit, thresholds=thresholds, **change)
    options.emit(found.to_json(), str(found))
    if not found.passed:
        raise typer.Exit(3)
