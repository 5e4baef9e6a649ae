"""The command's options and verbs, gathered from the files beside this one."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from memory_core.errors import MemoryCoreError
from memory_core.serve.cli import (
    bench,
    demo,
    evals,
    looking,
    models,
    proving,
    reviewing,
    tracing_back,
    training,
    transfer,
    upkeep,
    writing,
)
from memory_core.serve.cli.session import session_of

app = typer.Typer(
    name="memory",
    help="A memory for LLM agents: local, durable, explained.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for module in (writing, looking, transfer, upkeep, proving, bench, demo):
    for name, verb in module.VERBS.items():
        app.command(name)(verb)

app.add_typer(models.app, name="models")
app.add_typer(reviewing.app, name="review")
app.add_typer(tracing_back.app, name="replay")
app.add_typer(training.app, name="train")
app.add_typer(evals.app, name="evals")


@app.callback()
def options(
    context: typer.Context,
    home: Annotated[Path | None, typer.Option(help="Directory of the store.")] = None,
    namespace: Annotated[str | None, typer.Option(help="Whose memory.")] = None,
    embedder: Annotated[str | None, typer.Option(help="Embedding model, or `hash`.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Keep the options for the verb."""
    context.obj = session_of(home, namespace, json, embedder=embedder)


def run() -> None:
    """Run a verb; typed errors become one line and exit code 1."""
    try:
        app()
    except MemoryCoreError as error:
        sys.stderr.write(f"memory: {type(error).__name__}: {error}\n")
        raise SystemExit(1) from error
