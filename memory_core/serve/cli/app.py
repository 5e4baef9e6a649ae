"""The command's verbs, gathered from the files beside this one."""

import typer

from memory_core.serve.cli import (
    bench,
    changing,
    demo,
    evals,
    hooking,
    keeping,
    living,
    looking,
    migrating,
    models,
    paging,
    proving,
    reviewing,
    serving,
    space,
    training,
    transfer,
    tuning,
    upkeep,
    writing,
)
from memory_core.serve.cli.command import options, run_app

app = typer.Typer(
    name="memory",
    help="A memory for LLM agents: local, durable, explained.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
every = (
    writing, changing, looking, transfer, keeping, upkeep, living, migrating, space, proving, bench,
    demo, serving,
)  # fmt: skip
for module in every:
    for name, verb in module.VERBS.items():
        app.command(name)(verb)

app.add_typer(hooking.app, name="hooks")
app.add_typer(models.app, name="models")
app.add_typer(living.app, name="lifecycle")
app.add_typer(reviewing.app, name="review")
app.add_typer(paging.app, name="replay")
app.add_typer(serving.serve_app, name="serve")
training.app.command("bi-encoder")(tuning.bi_encoder)
app.add_typer(training.app, name="train")
app.add_typer(evals.app, name="evals")
app.callback()(options)


def run() -> None:
    """Run a verb."""
    run_app(app)
