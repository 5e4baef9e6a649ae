"""`memory replay diff` and `bisect`: which cause changed a recall."""

from typing import Annotated

import typer

from memory_core.replay import Replay
from memory_core.serve.cli.replaying import (
    RecallId,
    app,
    recall_named,
    settings_given,
    texts_of,
)
from memory_core.serve.cli.session import Session

__all__ = ["app"]


@app.command("diff")
def diff_recalls(
    context: typer.Context,
    before: Annotated[str, typer.Argument(help="A recall's id, or `last`.")],
    after: Annotated[str | None, typer.Argument(help="Another; the same when left out.")] = None,
    setting: Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE.")] = None,
    without: Annotated[list[str] | None, typer.Option(help="Hide this memory.")] = None,
    now: Annotated[str | None, typer.Option(help="The moment to count from.")] = None,
    k: Annotated[int | None, typer.Option(help="How many memories.")] = None,
    rerank: Annotated[bool, typer.Option(help="Let the cross-encoder take part.")] = True,
) -> None:
    """Explain what changed between two recalls, or from one to itself under other settings."""
    options: Session = context.obj
    with options.open() as memory:
        replay, second = Replay(memory), recall_named(memory, after or before)
        changes = settings_given(setting or ())
        plainly = not (changes or without or now or k) and rerank
        found = replay.diff(
            recall_named(memory, before),
            second if plainly else replay.what_if(
                second, without=without or (), now=now, k=k, rerank=None if rerank else False,
                **changes,
            ),
        )  # fmt: skip
        told = "\n".join((str(found), "", *texts_of(memory, [shift.id for shift in found.shifts])))
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
